//! PostgreSQL and PgBouncer refuse to run as root. If the runner is root, they run under an unprivileged account,
//! with their files in a folder that this account can reach.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::unistd::{Uid, User};

/// Where the files go if the account cannot reach the project's folder. It survives a reboot.
const SHELTER: &str = "/var/tmp";
/// Prefix of our folders below [`SHELTER`]; nothing else there is ever removed.
const PREFIX: &str = "juncture-";

/// The account that a server runs under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// The account of the runner.
    Own,
    /// Another account, because the runner is root.
    Other {
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
    },
}

impl Account {
    /// Chooses the account for a server with its files in `folder`: the folder's owner if it already exists,
    /// otherwise the user `postgres`, otherwise `nobody`. Always [`Account::Own`] if the runner is not root.
    pub fn choose(folder: &Path) -> Result<Self> {
        if !Uid::effective().is_root() {
            return Ok(Self::Own);
        }
        if let Ok(owner) = fs::metadata(folder)
            && owner.uid() != 0
        {
            return Ok(Self::Other { uid: owner.uid(), gid: owner.gid() });
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name)? {
                return Ok(Self::Other { uid: user.uid.as_raw(), gid: user.gid.as_raw() });
            }
        }
        bail!("neither the user postgres nor nobody exists, and the server refuses to run as root")
    }

    /// A command that runs under this account, in a working directory that every account can enter.
    pub fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/");
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Makes the account the owner of a file or folder.
    pub fn own(self, path: &Path) -> Result<()> {
        if let Self::Other { uid, gid } = self {
            chown(path, Some(uid), Some(gid))
                .with_context(|| format!("cannot change the owner of {}", path.display()))?;
        }
        Ok(())
    }

    /// Writes a file that only the account can read.
    pub fn write(self, path: &Path, content: &str) -> Result<()> {
        fs::write(path, "").with_context(|| format!("cannot write {}", path.display()))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        fs::write(path, content)?;
        self.own(path)
    }

    /// Creates `folder`, owned by and readable only for the account, and returns its real path. If the account
    /// cannot reach that place, `folder` becomes a symbolic link to a folder below `/var/tmp`.
    pub fn settle(self, folder: &Path) -> Result<PathBuf> {
        let settle = || -> Result<PathBuf> {
            let parent = folder.parent().context("it has no parent")?;
            fs::create_dir_all(parent)?;
            if folder.exists() {
                let home = folder.canonicalize()?;
                if !self.can_enter(&home) {
                    bail!("its server's account can no longer reach it: delete it with `make reset`");
                }
                return Ok(home);
            }
            if folder.is_symlink() {
                // A dangling link: its target was removed.
                fs::remove_file(folder)?;
            }
            let home = if self.can_enter(parent) {
                parent.canonicalize()?.join(folder.file_name().context("it has no name")?)
            } else {
                shelter(folder)?
            };
            // Left over from an earlier run whose link is gone: whoever deleted `.local` by hand wanted this data
            // gone too. A folder that belongs to another account is neither removed nor used.
            if home.exists() && self.owns(&home)? {
                fs::remove_dir_all(&home)?;
            }
            fs::DirBuilder::new().mode(0o700).create(&home).with_context(|| home.display().to_string())?;
            self.own(&home)?;
            if home.starts_with(SHELTER) && !folder.exists() {
                symlink(&home, folder)?;
            }
            Ok(home)
        };
        settle().with_context(|| format!("cannot prepare {}", folder.display()))
    }

    fn can_enter(self, folder: &Path) -> bool {
        // Tested by trying, which also covers groups and access control lists.
        self == Self::Own
            || self
                .command(Path::new("/bin/sh"))
                .args(["-c", "cd \"$0\""])
                .arg(folder)
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
    }

    fn owns(self, folder: &Path) -> Result<bool> {
        let found = fs::symlink_metadata(folder)?;
        let uid = match self {
            Self::Own => Uid::effective().as_raw(),
            Self::Other { uid, .. } => uid,
        };
        Ok(found.is_dir() && found.uid() == uid)
    }
}

/// Removes what [`Account::settle`] created, both link and target. Works for a plain file in the same place, too.
pub fn remove(folder: &Path) -> Result<()> {
    let remove = || -> std::io::Result<()> {
        if folder.is_symlink() {
            let home = fs::read_link(folder)?;
            let ours = home.parent() == Some(Path::new(SHELTER))
                && home.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
            if ours && home.exists() {
                fs::remove_dir_all(&home)?;
            }
            fs::remove_file(folder)
        } else if folder.is_dir() {
            fs::remove_dir_all(folder)
        } else if folder.exists() {
            fs::remove_file(folder)
        } else {
            Ok(())
        }
    };
    remove().with_context(|| format!("cannot remove {}", folder.display()))
}

/// A path that is unique per project and server.
fn shelter(folder: &Path) -> Result<PathBuf> {
    let name = folder.file_name().context("it has no name")?.to_string_lossy();
    let mut hasher = DefaultHasher::new();
    std::path::absolute(folder)?.hash(&mut hasher);
    Ok(Path::new(SHELTER).join(format!("{PREFIX}{name}-{:016x}", hasher.finish())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreachable_files_go_to_a_shelter_and_are_removed_from_there() {
        let mode = fs::Permissions::from_mode(0o700);
        let private = tempfile::Builder::new().permissions(mode).tempdir().unwrap();
        let folder = private.path().join("deeper/postgres");
        let account = Account::choose(&folder).unwrap();

        let home = account.settle(&folder).unwrap();
        assert_eq!(folder.canonicalize().unwrap(), home);
        assert_eq!(account.settle(&folder).unwrap(), home, "settling again changes nothing");
        assert_eq!(Account::choose(&folder).unwrap(), account);
        assert_eq!(fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(home.starts_with(SHELTER), account != Account::Own);

        fs::write(home.join("file"), "content").unwrap();
        if folder.is_symlink() {
            fs::remove_file(&folder).unwrap();
            assert_eq!(account.settle(&folder).unwrap(), home);
            assert!(!home.join("file").exists(), "a folder without its link is emptied");
        }
        remove(&folder).unwrap();
        assert!(!home.exists() && !folder.is_symlink());
        remove(&folder).unwrap();
    }

    #[test]
    fn a_link_to_somewhere_else_is_removed_without_its_target() {
        let private = tempfile::tempdir().unwrap();
        let (target, link) = (private.path().join("target"), private.path().join("link"));
        fs::create_dir(&target).unwrap();
        symlink(&target, &link).unwrap();
        remove(&link).unwrap();
        assert!(target.exists() && !link.is_symlink());
    }
}
