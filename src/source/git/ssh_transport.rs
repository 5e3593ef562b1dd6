//! Git over an OpenSSH process, in place of libssh2: the same keys, host keys and ciphers as the user's own `ssh`.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::exchange::Exchange;
use super::url::{Endpoint, SshHost};
use super::{Auth, CONNECT};
use crate::source::{SourceError, SourceFault};

/// Bytes of ssh's own messages that are kept for an error.
const SAID: usize = 4096;

/// Seconds between two signs of life, two of which may be missed.
const ALIVE: u64 = 10;

/// The transport that libgit2 is given for `ssh://`.
pub(super) struct SshTransport {
    exchange: Arc<Exchange>,
}

impl SshTransport {
    pub(super) fn new(exchange: Arc<Exchange>) -> Self {
        Self { exchange }
    }

    fn start(&self, host: &SshHost) -> Result<SshStream, SourceError> {
        let exchange = &self.exchange;
        let _runtime = exchange.runtime().enter();
        let mut child = Command::new("ssh")
            .args(arguments(
                host,
                &exchange.remote.auth,
                exchange.left().min(CONNECT).as_secs(),
            )?)
            .env_remove("SSH_ASKPASS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                SourceError::new(
                    SourceFault::Unreachable,
                    format!(
                        "{}: `ssh` cannot be started ({error}): install OpenSSH's client",
                        exchange.remote.shown
                    ),
                )
            })?;
        let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(SourceError::new(
                SourceFault::Unreachable,
                "ssh was started without its pipes; it is tried again",
            ));
        };
        Ok(SshStream {
            exchange: Arc::clone(exchange),
            child,
            input,
            output,
            said: Some(tokio::spawn(listen(errors))),
        })
    }
}

impl SmartSubtransport for SshTransport {
    fn action(&self, _url: &str, service: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let Endpoint::Ssh(host) = &self.exchange.remote.endpoint else {
            return Err(git2::Error::from_str("the exchange under way is not over ssh"));
        };
        match service {
            Service::UploadPackLs | Service::UploadPack => {
                let stream = self.start(host).map_err(|error| self.exchange.fail(error))?;
                Ok(Box::new(stream))
            }
            Service::ReceivePackLs | Service::ReceivePack => Err(git2::Error::from_str("sources are only ever read")),
        }
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// What `ssh` is called with. No shell of ours is between, so that only the far one has to be quoted for.
fn arguments(host: &SshHost, auth: &Auth, seconds: u64) -> Result<Vec<String>, SourceError> {
    let mut arguments: Vec<String> = vec!["-T".into(), "-F".into(), "none".into()];
    let mut option = |text: String| arguments.extend(["-o".to_owned(), text]);
    option("BatchMode=yes".into());
    option("StrictHostKeyChecking=yes".into());
    option("UpdateHostKeys=no".into());
    option("LogLevel=ERROR".into());
    option("ClearAllForwardings=yes".into());
    option("ForwardAgent=no".into());
    option(format!("ConnectTimeout={}", seconds.max(1)));
    option(format!("ServerAliveInterval={ALIVE}"));
    option("ServerAliveCountMax=2".into());
    if let Auth::Ssh { key, known_hosts } = auth {
        option(format!("UserKnownHostsFile={}", quoted(known_hosts)?));
        option("GlobalKnownHostsFile=/dev/null".into());
        option("IdentitiesOnly=yes".into());
        option("IdentityAgent=none".into());
        option("PreferredAuthentications=publickey".into());
        option(format!("IdentityFile={}", quoted(key)?));
    }
    if let Some(port) = host.port {
        arguments.extend(["-p".to_owned(), port.to_string()]);
    }
    if let Some(user) = &host.user {
        arguments.extend(["-l".to_owned(), user.clone()]);
    }
    arguments.extend([
        "--".to_owned(),
        host.host.clone(),
        format!("git-upload-pack {}", shell_quoted(&host.path)),
    ]);
    Ok(arguments)
}

/// A path as an option's value: ssh splits at blanks, and expands `%` and `${}`.
fn quoted(path: &Path) -> Result<String, SourceError> {
    let text = path
        .to_str()
        .filter(|text| !text.contains(['"', '\\', '$', '\n', '\r', '\0']));
    match text {
        Some(text) => Ok(format!("\"{}\"", text.replace('%', "%%"))),
        None => Err(SourceError::new(
            SourceFault::Refused,
            format!(
                "ssh cannot be told of the file {}: give it a name without quotes, dollar signs and backslashes",
                path.display()
            ),
        )),
    }
}

/// A word of the far shell.
fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Keeps the beginning of what ssh says and drains the rest, so that it never waits for us.
async fn listen(mut errors: ChildStderr) -> String {
    let mut said = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = errors.read(&mut buffer).await {
        let room = SAID.saturating_sub(said.len()).min(count);
        said.extend_from_slice(&buffer[..room]);
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// The pipes of one process. Dropping it kills the process.
struct SshStream {
    exchange: Arc<Exchange>,
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    said: Option<JoinHandle<String>>,
}

impl SshStream {
    /// The pipe ended: `Some` when the process failed.
    fn ended(&mut self) -> Result<Option<SourceError>, SourceError> {
        let status = self.exchange.wait(self.child.wait())?;
        if status.is_ok_and(|status| status.success()) {
            return Ok(None);
        }
        let said = match self.said.take() {
            Some(said) => self.exchange.wait(said)?.unwrap_or_default(),
            None => String::new(),
        };
        Ok(Some(meaning(&self.exchange.remote.shown, &said)))
    }
}

/// What the failure of ssh, or of the command over there, means.
fn meaning(shown: &str, said: &str) -> SourceError {
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if says(&[
        "Host key verification failed",
        "HOST IDENTIFICATION HAS CHANGED",
        "No matching host key",
    ]) {
        return SourceError::new(
            SourceFault::Refused,
            format!(
                "{shown}: the host's key is not the one in `known_hosts`, or not there at all: get the right key from the \
                 host's operator and add it; never accept it blindly"
            ),
        );
    }
    if says(&[
        "Permission denied",
        "Load key",
        "Too many authentication failures",
        "UNPROTECTED PRIVATE KEY",
    ]) {
        return SourceError::new(
            SourceFault::Refused,
            format!(
                "{shown}: the ssh key is not accepted ({}): check that it is the key registered there, without a \
                 passphrase, and readable by this user alone",
                last_line(said)
            ),
        );
    }
    if says(&[
        "not appear to be a git repository",
        "not found",
        "No such file",
        "does not exist",
    ]) {
        return SourceError::new(
            SourceFault::Missing,
            format!(
                "{shown} is not there, or the key may not see it ({}): check `url` and the key's access",
                last_line(said)
            ),
        );
    }
    SourceError::new(
        SourceFault::Unreachable,
        format!("{shown}: ssh failed: {}; it is tried again", last_line(said)),
    )
}

fn last_line(said: &str) -> &str {
    said.lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty())
        .unwrap_or("it says nothing")
}

impl Read for SshStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let exchange = Arc::clone(&self.exchange);
        let read = exchange
            .wait(self.output.read(buffer))
            .map_err(|error| exchange.fail_io(error))?;
        let count = read.unwrap_or(0);
        if count == 0 {
            return match self.ended() {
                Ok(None) => Ok(0),
                Ok(Some(error)) | Err(error) => Err(exchange.fail_io(error)),
            };
        }
        exchange.receive(count).map_err(|error| exchange.fail_io(error))?;
        Ok(count)
    }
}

impl Write for SshStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let exchange = Arc::clone(&self.exchange);
        let written = exchange
            .wait(self.input.write_all(buffer))
            .map_err(|error| exchange.fail_io(error))?;
        match written {
            Ok(()) => Ok(buffer.len()),
            Err(broken) => match self.ended() {
                Ok(None) => Err(broken),
                Ok(Some(error)) | Err(error) => Err(exchange.fail_io(error)),
            },
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;

    #[test]
    fn ssh_is_called_with_strict_host_keys_and_the_far_shell_sees_one_word() {
        let host = SshHost {
            user: Some("git".into()),
            host: "git.test".into(),
            port: Some(2222),
            path: "/a b'; touch x".into(),
        };
        let auth = Auth::Ssh {
            key: "/keys/100% id".into(),
            known_hosts: "/keys/hosts".into(),
        };
        let arguments = arguments(&host, &auth, 9).unwrap();
        for option in [
            "StrictHostKeyChecking=yes",
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "UserKnownHostsFile=\"/keys/hosts\"",
            "IdentityFile=\"/keys/100%% id\"",
            "ConnectTimeout=9",
        ] {
            assert!(arguments.iter().any(|argument| argument == option), "{option}");
        }
        assert_eq!(
            arguments[arguments.len() - 3..],
            ["--", "git.test", r"git-upload-pack '/a b'\''; touch x'"]
        );
    }

    #[test]
    fn a_file_that_ssh_would_read_otherwise_is_refused() {
        assert!(quoted(Path::new("/keys/${HOME}")).is_err());
    }

    #[test]
    fn what_ssh_says_gets_its_meaning() {
        for (said, kind) in [
            (
                "No ED25519 host key is known.\nHost key verification failed.\n",
                SourceFault::Refused,
            ),
            ("git@git.test: Permission denied (publickey).", SourceFault::Refused),
            (
                "fatal: '/a' does not appear to be a git repository",
                SourceFault::Missing,
            ),
            (
                "ssh: connect to host git.test port 22: Connection refused",
                SourceFault::Unreachable,
            ),
            ("", SourceFault::Unreachable),
        ] {
            assert_eq!(meaning("git.test:a", said).kind, kind, "{said}");
        }
    }
}
