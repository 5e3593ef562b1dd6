//! A real OpenSSH server on a loopback port, with a host key and one user key of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

pub(crate) struct Sshd {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
    _server: Child,
}

impl Sshd {
    pub(crate) async fn start() -> Self {
        let program = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/opt/homebrew/sbin/sshd"]
            .into_iter()
            .find(|path| Path::new(path).exists())
            .expect("`sshd` must be installed: apt-get install openssh-server");
        let folder = tempfile::tempdir().unwrap();
        for name in ["host", "user", "stranger"] {
            keygen(&folder.path().join(name));
        }
        std::fs::copy(folder.path().join("user.pub"), folder.path().join("authorized")).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        // Run as root, sshd wants this folder; otherwise it does not look.
        let _ = std::fs::create_dir_all("/run/sshd");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut server = Command::new(program)
            .args(["-D", "-e", "-f", "/dev/null", "-p", &port.to_string()])
            .args([
                "-o",
                "ListenAddress=127.0.0.1",
                "-o",
                "UsePAM=no",
                "-o",
                "StrictModes=no",
            ])
            .args([
                "-o",
                "PermitRootLogin=prohibit-password",
                "-o",
                "PasswordAuthentication=no",
            ])
            .args(["-o", &format!("HostKey={}", path("host"))])
            .args(["-o", &format!("AuthorizedKeysFile={}", path("authorized"))])
            .args(["-o", "PidFile=none"])
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
        loop {
            let line = lines.next_line().await.unwrap().expect("sshd ended at once");
            if line.contains("Server listening") {
                break;
            }
        }
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let public = std::fs::read_to_string(folder.path().join("host.pub")).unwrap();
        std::fs::write(folder.path().join("known"), format!("[127.0.0.1]:{port} {public}")).unwrap();
        let public = std::fs::read_to_string(folder.path().join("stranger.pub")).unwrap();
        std::fs::write(folder.path().join("wrong"), format!("[127.0.0.1]:{port} {public}")).unwrap();
        std::fs::write(folder.path().join("empty"), "").unwrap();
        Self {
            folder,
            port,
            _server: server,
        }
    }

    /// Files: `user` and `stranger` (keys), `known`, `wrong` and `empty` (host keys).
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The address of a repository at `path` for the user that runs this.
    pub(crate) fn url(&self, path: &Path) -> String {
        let user = std::process::Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap();
        format!("ssh://{}@127.0.0.1:{}{}", user.trim(), self.port, path.display())
    }
}

fn keygen(path: &Path) {
    let output = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(path)
        .output()
        .expect("`ssh-keygen` must be installed");
    assert!(output.status.success());
}
