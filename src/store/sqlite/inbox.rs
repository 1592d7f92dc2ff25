//! The inbox directory: one complete file for each input.
//!
//! A file is written and made durable under a hidden name and then linked in, so a reader never meets half of one. The
//! writers are operators and are not trusted: a name is never followed as a link, a pipe never blocks the reader, and
//! no more is read than an input may have.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::layout;
use crate::domain::base::RunId;
use crate::store::{Input, InputBody, InputId, LARGEST_INPUT, StoreError};

pub(super) fn put(inbox: &Path, run: &RunId, body: &[u8]) -> Result<InputId, StoreError> {
    if body.len() > LARGEST_INPUT {
        return Err(StoreError::InputTooLarge { found: body.len(), most: LARGEST_INPUT });
    }
    let sent = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let id = InputId::new(run, u64::try_from(sent).unwrap_or(u64::MAX), layout::random()?);
    let (hidden, name) = (inbox.join(format!(".{id}")), inbox.join(id.to_string()));
    let result = layout::make_file(&hidden, body).and_then(|file| link_in(&file, &hidden, &name));
    // The hidden name has done its work, or the input was refused; either way it must not stay.
    let removed = fs::remove_file(&hidden).map_err(|error| StoreError::io("remove", &hidden, error));
    result.and(removed)?;
    Ok(id)
}

fn link_in(file: &File, hidden: &Path, name: &Path) -> Result<(), StoreError> {
    file.sync_all().map_err(|error| StoreError::io("sync", hidden, error))?;
    fs::hard_link(hidden, name).map_err(|error| StoreError::io("link", name, error))?;
    // Operators may add to the directory but not open it, so the new name is made durable through the file, whose link
    // count changed with it.
    file.sync_all().map_err(|error| StoreError::io("sync", name, error))
}

pub(super) fn list(inbox: &Path, run: &RunId) -> Result<Vec<Input>, StoreError> {
    let failed = |error| StoreError::io("list", inbox, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(inbox).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let id = entry.file_name().to_str().and_then(InputId::parse);
        if let Some(id) = id.filter(|id| id.run() == run) {
            found.extend(read(&entry.path(), id)?);
        }
    }
    found.sort_by(|(a, x), (b, y)| (a, &x.id).cmp(&(b, &y.id)));
    Ok(found.into_iter().map(|(_, input)| input).collect())
}

/// When the file was linked in, by the store's own clock: the sender can set every other time of it.
type Arrival = (i64, i64);

/// One input; `None` if it was removed in the meantime.
fn read(path: &Path, id: InputId) -> Result<Option<(Arrival, Input)>, StoreError> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("look at", path, error)),
    };
    let body = if found.is_file() {
        read_body(path).unwrap_or_else(|error| refused(format!("it cannot be read: {error}")))
    } else {
        refused("it is not a file".to_owned())
    };
    let input = Input { id, left_by: Some(found.uid()), body };
    Ok(Some(((found.ctime(), found.ctime_nsec()), input)))
}

fn read_body(path: &Path) -> io::Result<InputBody> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(refused("it is not a file".to_owned()));
    }
    let mut body = Vec::new();
    let limit = u64::try_from(LARGEST_INPUT).map_err(io::Error::other)?;
    file.take(limit + 1).read_to_end(&mut body)?;
    if body.len() > LARGEST_INPUT {
        return Ok(refused(format!("it has more than {LARGEST_INPUT} bytes")));
    }
    Ok(InputBody::Whole(body))
}

fn refused(why: String) -> InputBody {
    InputBody::Refused { why }
}

pub(super) fn remove(inbox: &Path, id: &InputId) -> Result<(), StoreError> {
    let path = inbox.join(id.to_string());
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", path, error)),
        _ => Ok(()),
    }
}
