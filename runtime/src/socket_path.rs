//! The local control socket of a data directory: where it is, and that nobody but its user may open it.
//!
//! A Unix socket's path is limited to 107 bytes (`sun_path`, unix(7)). Where the data directory's path is longer, the
//! socket lies in a short private folder of its own, and a file in the data directory says where.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::{ffi::OsStrExt as _, fs::DirBuilderExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, fchmod},
    net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType},
};
use tokio::net::UnixListener;

const SOCKET_FILE: &str = "control.sock";
const POINTER_FILE: &str = "control.path";
const MAX_SOCKET_PATH_BYTES: usize = 107;
/// Connections that wait to be taken.
const ACCEPT_QUEUE: i32 = 128;

/// The path to connect to, as far as a node ever listened there.
pub fn of(data: &Path) -> PathBuf {
    match fs::read_to_string(data.join(POINTER_FILE)) {
        Ok(path) => PathBuf::from(path.trim()),
        Err(_) => data.join(SOCKET_FILE),
    }
}

/// Listens, and gives the path to clean up in the end. Makes the folder, private to this user, and takes away a socket
/// that nobody answers on. The caller must hold the data directory's lock, so that no other node can be listening.
///
/// # Errors
/// What the file system said.
///
/// # Panics
/// Outside of a runtime.
pub fn listen(data: &Path) -> io::Result<(UnixListener, PathBuf)> {
    let path = prepare(data)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // Before it has a name, so that there is no moment in which others could open it: the name is made with the mode of the
    // socket (unix(7); the folder may be somebody's own, and open to others).
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    net::bind(&socket, &SocketAddrUnix::new(&path)?)?;
    net::listen(&socket, ACCEPT_QUEUE)?;
    Ok((UnixListener::from_std(socket.into())?, path))
}

/// The path to listen on.
fn prepare(data: &Path) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(data)?;
    let plain = std::path::absolute(data)?.join(SOCKET_FILE);
    let path = if plain.as_os_str().as_bytes().len() <= MAX_SOCKET_PATH_BYTES {
        remove(&data.join(POINTER_FILE))?;
        plain
    } else {
        short_path(data)?
    };
    remove(&path)?;
    Ok(path)
}

/// Takes the socket away after the listener closed.
pub fn clean_up(path: &Path) {
    let _ = fs::remove_file(path);
}

fn short_path(data: &Path) -> io::Result<PathBuf> {
    let base = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = base.join(format!("causeway-{:016x}", rand::random::<u64>()));
    DirBuilder::new().mode(0o700).create(&folder)?;
    let path = folder.join(SOCKET_FILE);
    if let Some(old) = fs::read_to_string(data.join(POINTER_FILE)).ok().map(PathBuf::from) {
        let _ = fs::remove_file(&old);
        let _ = old.parent().map(fs::remove_dir);
    }
    fs::write(data.join(POINTER_FILE), path.as_os_str().as_bytes())?;
    Ok(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::PermissionsExt as _, net::UnixStream};

    use super::*;

    #[tokio::test]
    async fn a_long_data_directory_gets_a_short_socket() {
        let root = std::env::temp_dir().join(format!("causeway-test-{:x}", rand::random::<u32>()));
        for data in [root.join("short"), root.join("long".repeat(40))] {
            for _ in 0..2 {
                let (_listener, path) = listen(&data).unwrap();
                assert_eq!(path, of(&data));
                UnixStream::connect(path).unwrap();
            }
            clean_up(&of(&data));
        }
        fs::remove_dir_all(root).unwrap();
    }

    #[tokio::test]
    async fn only_its_user_may_open_it_even_in_a_folder_that_is_open_to_others() {
        let data = std::env::temp_dir().join(format!("causeway-test-{:x}", rand::random::<u32>()));
        fs::create_dir(&data).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o777)).unwrap();
        let (_listener, path) = listen(&data).unwrap();
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(data).unwrap();
    }
}
