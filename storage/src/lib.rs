//! Append-only logs over sled 0.34: group commit, a real fsync, and damage that is found and told.
//!
//! A [`Store`] is one directory with many named [`Log`]s. Records are bytes; each gets the next position of its log, from one.
//! [`Log::append`] gives a [`Ticket`], which resolves once the records are on the disk. One thread makes durable, with
//! one sync, all that waits for it. The crate knows nothing of what the records mean, and needs no async runtime: a ticket
//! is a future as well as something to block on.
//!
//! ```
//! use bytes::Bytes;
//! use storage::{Options, Store};
//!
//! let dir = tempfile::tempdir()?;
//! let store = Store::open(dir.path(), Options::default())?;
//! let log = store.log("events")?;
//! let ticket = log.append(vec![Bytes::from("one"), Bytes::from("two")]);
//! assert_eq!(ticket.wait()?.last, 2);
//! let (position, record) = log.backward().next().transpose()?.ok_or("empty")?;
//! assert_eq!((position, &record[..]), (2, &b"two"[..]));
//! store.close();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What durable means
//! sled's own flush never calls fsync on Linux. Here an acknowledgement follows an fdatasync of sled's data file, and of
//! all else that could hold the data. No stored value is above 6 KiB, since sled puts pages above 128 KiB into files that it
//! does not sync: larger records are cut into parts. A commit is one sled batch and one sync.
//!
//! # Damage
//! Every value carries a checksum over itself, its log and its position; a log's first position and head lie in a head
//! record that is written in the same batch as its records; and the file `heads`, beside sled's data, says how far each log
//! was acknowledged and that it was cut. So this is found, and told with its position:
//! - a record, or a part of one, that is changed, missing or at the wrong place: when it is read;
//! - a log whose last record is not where its head is: when it is opened;
//! - the end of the data file cut, zeroed or overwritten. sled goes back to what is whole and is silent about it; the heads
//!   that were witnessed beyond it tell: when the log is opened, also if all of it is gone;
//! - data in which sled itself cannot find its way: an error of [`Store::open`], with the offset in the data file, or of
//!   reading, with the position in the log. sled's panics are caught; [`hush_contained_panics`] keeps their messages off
//!   stderr.
//!
//! A damaged log is read up to the damage, and takes no records until [`Log::truncate_after`] has cut it. Seldom, what is
//! to be cut lies on a page that sled cannot read: the cut is then refused, with the place, and changes nothing. Since sled
//! may stumble later over a file that lost its end, opening moves what is left to a new database. This is **not**
//! found: records that were dropped from the front and are back after such a loss; a directory that was replaced as a whole by an older copy of itself, since then all agrees; and, after a loss of
//! power, an end that was lost although the disk had confirmed its sync, if the witness of the last seconds is lost with it.
//!
//! # Full and failing disks
//! Below [`Options::reserve`] of free space appends are refused before sled meets the end of the disk; reading goes on,
//! and appends work again by themselves once there is room. When sled fails nevertheless, what waits is refused and the
//! database is opened again, with growing pauses; what was acknowledged stays. After a failed fsync it is not: the kernel may
//! have dropped what it could not write, and only a restart, after a look at the disk, is honest. [`Store::health`] tells all.
//! sled uses space again, but never gives it back: removing logs makes room for others in the same store only.
//!
//! # Modules
//! `store`, `log` and `ticket` are the interface, `options`, `error`, `health` and `metrics` its types. `writer` is the one
//! thread that writes, fed by `queue`; `read` finds and checks records. `engine` wraps sled, `contain` its panics, `directory`
//! the files round it. `key`, `block` and `head` say how things lie in the tree; `recover` compares it with what was
//! acknowledged. `fault` is what fails below, `oneshot` how an answer comes back, `sync` the locks.

mod block;
mod contain;
mod directory;
mod engine;
mod error;
mod fault;
mod head;
mod health;
mod key;
mod log;
mod metrics;
mod oneshot;
mod options;
mod queue;
mod read;
mod recover;
mod shared;
mod store;
mod sync;
mod ticket;
mod writer;

pub use contain::{hush_contained_panics, is_contained};
pub use error::{AppendError, LogError, OpenError, ReadError};
pub use health::{Damage, Health};
pub use log::{Backward, Log, Records};
pub use metrics::Metrics;
pub use options::{MAX_APPEND, MAX_NAME, MAX_RECORD, MIN_RESERVE, Options};
pub use store::Store;
pub use ticket::{Appended, Ticket};
