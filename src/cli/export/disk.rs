//! What an export does to the disk: one file at a time, whole, and nowhere else.

use std::path::Path;

use anyhow::{Context as _, bail};

/// Writes a file below `root`: a reader, or a killed process, sees the old text or the new one, never half of it.
pub(super) fn write(root: &Path, path: &str, text: &str) -> anyhow::Result<()> {
    let place = root.join(path);
    let shown = || format!("cannot write {}", place.display());
    let folder = place.parent().unwrap_or(root);
    within(root, path)?;
    std::fs::create_dir_all(folder).with_context(shown)?;
    let mut new = tempfile::NamedTempFile::new_in(folder).with_context(shown)?;
    std::io::Write::write_all(&mut new, text.as_bytes()).with_context(shown)?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(new.path(), mode).with_context(shown)?;
    new.persist(&place).with_context(shown)?;
    Ok(())
}

/// Whether a plain file below `root` has this text.
pub(super) fn holds(root: &Path, path: &str, text: &str) -> bool {
    let place = root.join(path);
    let is_file = place.symlink_metadata().is_ok_and(|found| found.is_file());
    is_file && std::fs::read(&place).is_ok_and(|bytes| bytes == text.as_bytes())
}

/// Removes a file below `root`, and the folders that are empty then.
pub(super) fn remove(root: &Path, path: &str) -> anyhow::Result<()> {
    within(root, path)?;
    std::fs::remove_file(root.join(path)).with_context(|| format!("cannot remove {path}"))?;
    let mut folder = path;
    while let Some((above, _)) = folder.rsplit_once('/') {
        // One that holds anything stays: the system itself refuses.
        if std::fs::remove_dir(root.join(above)).is_err() {
            break;
        }
        folder = above;
    }
    Ok(())
}

/// Refuses folders below `root` that are symbolic links: in a work tree they are somebody else's, and lead anywhere.
fn within(root: &Path, path: &str) -> anyhow::Result<()> {
    let mut folder = root.to_owned();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        folder.push(part);
        // The last one is the file, which is replaced, never followed.
        if folder == root.join(path) {
            break;
        }
        if folder.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            bail!(
                "{} is a symbolic link, which is not followed: put a folder in its place, or export to another one",
                folder.display()
            );
        }
    }
    Ok(())
}
