//! `driftless demo`: three sandbox instances of Qualytics, one of Datafold and a forge, a Git repository with a realistic
//! configuration, and the daemon between them, all in one folder that goes when it ends.

pub mod datafold;
pub mod environments;
pub mod files;
mod forge;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;

use self::environments::{BASE, ENVIRONMENTS};
use self::files::{FILES, SCHEMAS};
use super::{Exit, out, process_environment, run, schema, stop_on_signals, wire};
use crate::sandbox::{Options, Sandbox, datafold as of_datafold, forge as of_forge};

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Where the dashboard listens; another port is taken if that one is in use.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    listen: SocketAddr,
}

/// What a push is signed with: the demo's webhook is on loopback and guards nothing.
const WEBHOOK_SECRET: &str = "demo-webhook-secret";

/// What runs beside the daemon.
struct Instances {
    /// In the order of [`ENVIRONMENTS`].
    qualytics: Vec<Sandbox>,
    datafold: of_datafold::Server,
    forge: of_forge::Server,
}

pub(crate) async fn run(args: DemoArgs) -> anyhow::Result<Exit> {
    let stop = stop_on_signals()?;
    let folder = tempfile::Builder::new().prefix("driftless-demo-").tempdir()?;
    let mut qualytics = Vec::new();
    for environment in ENVIRONMENTS {
        let seed = serde_json::from_str(environment.seed).context("a seed of the demo is no JSON")?;
        qualytics.push(
            Sandbox::start(Options {
                seed: Some(seed),
                ..Options::default()
            })
            .await?,
        );
    }
    let (origin, tree) = (folder.path().join("dq-config.git"), folder.path().join("dq-config"));
    make_repository(&origin, &tree)?;
    let listener = match TcpListener::bind(args.listen).await {
        Ok(listener) => listener,
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            TcpListener::bind(SocketAddr::new(args.listen.ip(), 0)).await?
        }
        Err(error) => return Err(error).with_context(|| format!("cannot listen on {}", args.listen)),
    };
    let address = listener.local_addr()?;
    let instances = Instances {
        qualytics,
        datafold: datafold::start().await?,
        forge: forge::start(address).await?,
    };
    let config_path = folder.path().join("driftless.yaml");
    std::fs::write(&config_path, config_text(&origin, folder.path(), address, &instances))?;
    let config = wire::read_config(&config_path, &process_environment()).map_err(|found| wire::faults(&found))?;
    out::result(&introduction(address, folder.path(), &tree, &instances)?);
    let exit = run::daemon(&config, &process_environment(), listener, stop).await;
    for instance in instances.qualytics {
        instance.stop().await;
    }
    instances.datafold.stop().await;
    instances.forge.stop().await;
    let path = folder.path().to_owned();
    folder
        .close()
        .with_context(|| format!("cannot remove {}", path.display()))?;
    out::result(&format!("{} is removed.\n", path.display()));
    exit
}

/// A bare repository with one commit on `main`, and a work tree cloned from it.
fn make_repository(origin: &Path, tree: &Path) -> anyhow::Result<()> {
    let mut options = git2::RepositoryInitOptions::new();
    options.bare(true).initial_head("main");
    git2::Repository::init_opts(origin, &options)?;
    let mut options = git2::RepositoryInitOptions::new();
    options.initial_head("main").origin_url(&origin.to_string_lossy());
    let repository = git2::Repository::init_opts(tree, &options)?;
    for (path, text) in FILES {
        let path = tree.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(tree))?;
        std::fs::write(path, text)?;
    }
    // What the first line of each document points at.
    let schemas = tree.join(SCHEMAS);
    std::fs::create_dir_all(&schemas)?;
    for (name, text) in schema::files() {
        std::fs::write(schemas.join(name), text)?;
    }
    let mut settings = repository.config()?;
    settings.set_str("user.name", "Demo")?;
    settings.set_str("user.email", "demo@example.com")?;
    settings.set_str("branch.main.remote", "origin")?;
    settings.set_str("branch.main.merge", "refs/heads/main")?;
    let mut index = repository.index()?;
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None)?;
    index.write()?;
    let content = repository.find_tree(index.write_tree()?)?;
    let signature = git2::Signature::now("Demo", "demo@example.com")?;
    repository.commit(
        Some("HEAD"),
        &signature,
        &signature,
        "The shop's data quality as code",
        &content,
        &[],
    )?;
    repository
        .find_remote("origin")?
        .push(&["refs/heads/main:refs/heads/main"], None)?;
    Ok(())
}

fn config_text(origin: &Path, folder: &Path, address: SocketAddr, instances: &Instances) -> String {
    let mut text = format!(
        "server: {{ listen: \"{address}\" }}\n\
         store: {{ url: \"sqlite://{store}\" }}\n\
         sources:\n\
         - name: dq-config\n  url: \"{origin}\"\n  branch: main\n  interval: 2s\n\
         webhooks:\n\
         - {{ name: push, provider: generic-hmac, secret: {WEBHOOK_SECRET}, sources: [dq-config] }}\n\
         {hook}{forge}targets:\n",
        hook = forge::webhook(),
        forge = forge::sections(&instances.forge),
        store = folder.join("driftless.db").display(),
        origin = origin.display(),
    );
    for (environment, instance) in ENVIRONMENTS.iter().zip(&instances.qualytics) {
        let _ = writeln!(
            text,
            "- {{ name: qualytics-{}, platform: qualytics, url: \"{}\", token: \"{}\" }}",
            environment.name,
            instance.url(),
            instance.token()
        );
    }
    text.push_str(&datafold::target(&instances.datafold));
    text.push_str("environments:\n");
    for environment in ENVIRONMENTS {
        let _ = write!(
            text,
            "- name: {name}\n  source: dq-config\n  path: {BASE}\n  overlays: [{overlay}]\n  target: qualytics-{name}\n  \
             drift: {{ policy: {drift}, interval: 2s }}\n  variables:\n",
            name = environment.name,
            overlay = environment.overlay,
            drift = environment.drift,
        );
        for (name, value) in environment.variables {
            let _ = writeln!(text, "    {name}: \"{value}\"");
        }
    }
    text.push_str(&datafold::environment());
    text
}

fn introduction(address: SocketAddr, folder: &Path, tree: &Path, instances: &Instances) -> anyhow::Result<String> {
    let shown = |path: PathBuf| path.display().to_string();
    let check = shown(
        tree.join(BASE)
            .join("datastores/warehouse/checks/orders/between__order_total.yaml"),
    );
    let mut text = format!(
        "\nThe dashboard:      http://{address}\nThe work tree:      {tree}\nEverything is in:   {folder} (removed on exit)\n",
        tree = tree.display(),
        folder = folder.display(),
    );
    for (environment, instance) in ENVIRONMENTS.iter().zip(&instances.qualytics) {
        let _ = writeln!(
            text,
            "{:<20}{}  (drift: {})",
            format!("Sandbox {}:", environment.name),
            instance.url(),
            environment.drift
        );
    }
    text.push_str(&datafold::line(&instances.datafold));
    text.push_str(&forge::line(&instances.forge));
    let [.., staging, prod] = instances.qualytics.as_slice() else {
        return Ok(text);
    };
    let (staging, prod) = (staging.url(), prod.url());
    let driftless = std::env::current_exe().context("cannot tell where this program is")?;
    let _ = write!(
        text,
        r#"
Seven things to try, each in another terminal:

1. Push a change, and watch it become live on dev, staging and prod:
     cd {tree} && sed -i 's/^coverage: .*/coverage: 0.9/' {relative} && git commit -qam 'Allow a few odd totals' && git push -q

2. Change something by hand on prod, as somebody in the UI would: it is put back, and the run says what it was. The same on
   staging ({staging}), where drift is only reported, stays and shows as drift:
     curl -s -o /dev/null -w '%{{http_code}}\n' {prod}/_sandbox/edit -H 'content-type: application/json' \
       -d '{{"kind":"check","where":{{"uid":"orders__between__order_total"}},"set":{{"description":"changed by hand"}}}}'

3. Push a file that is no YAML: the page says where, and everything else goes on:
     cd {tree} && printf 'rule_type: [\n' > {relative} && git commit -qam 'Oops' && git push -q
     cd {tree} && git revert --no-edit HEAD && git push -q

4. Send the webhook that a Git host would send, and get the ids of the runs:
     body='{{}}'; sum=$(printf %s "$body" | openssl dgst -sha256 -hmac {WEBHOOK_SECRET} | sed 's/.* //')
     curl -s http://{address}/webhooks/push -H "X-Signature: sha256=$sum" -d "$body"
{datafold}{forge}
Stop it with Ctrl-C.

"#,
        tree = tree.display(),
        relative = check.strip_prefix(&format!("{}/", tree.display())).unwrap_or(&check),
        datafold = datafold::suggestions(&instances.datafold, &driftless, &format!("http://{address}")),
        forge = forge::suggestions(&instances.forge, &format!("http://{address}")),
    );
    Ok(text)
}
