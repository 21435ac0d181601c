//! The rooms to call: codes from the command line or from files.

use std::path::Path;

/// A room by its codes: the first caller enters the first one, all others the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// The code that the first caller enters: the host's, where the room waits for one.
    pub first: String,
    /// The code of all others.
    pub others: String,
}

/// A list of rooms can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RoomListError {
    /// The file can't be read.
    #[error("{path}: {source}")]
    File {
        /// Its name.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Neither one code nor two.
    #[error("{line:?} is no code, no HOST:PARTICIPANT pair of codes, and no file")]
    Line {
        /// What was found.
        line: String,
    },
    /// Nothing in it.
    #[error("no rooms are given")]
    Empty,
}

/// Reads rooms: each item is a code, a pair `HOST:PARTICIPANT`, or a file with one of these a line (also
/// parted by spaces; `#` begins a comment).
///
/// # Errors
/// [`RoomListError`] where an item is none of these.
pub fn read_rooms(items: &[String]) -> Result<Vec<Room>, RoomListError> {
    let mut rooms = Vec::new();
    for item in items {
        match room(item) {
            Some(room) => rooms.push(room),
            None if Path::new(item).is_file() => read_file(item, &mut rooms)?,
            None => return Err(RoomListError::Line { line: item.clone() }),
        }
    }
    if rooms.is_empty() { Err(RoomListError::Empty) } else { Ok(rooms) }
}

fn read_file(path: &str, rooms: &mut Vec<Room>) -> Result<(), RoomListError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| RoomListError::File { path: path.to_owned(), source })?;
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            rooms.push(room(line).ok_or_else(|| RoomListError::Line { line: line.to_owned() })?);
        }
    }
    Ok(())
}

fn room(text: &str) -> Option<Room> {
    let codes: Vec<&str> = text.split([':', ',', ' ', '\t']).filter(|code| !code.is_empty()).collect();
    if !codes.iter().all(|code| code.bytes().all(|digit| digit.is_ascii_digit())) {
        return None;
    }
    match codes[..] {
        [code] => Some(Room { first: code.to_owned(), others: code.to_owned() }),
        [first, others] => Some(Room { first: first.to_owned(), others: others.to_owned() }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(items: &[&str]) -> Result<Vec<Room>, RoomListError> {
        read_rooms(&items.iter().map(|&item| item.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn codes_pairs_and_files_may_be_mixed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rooms");
        std::fs::write(&path, "# rooms\n111 222\n333,444 # second\n\n555\n").unwrap();
        let rooms = read(&["123", "7:8", path.to_str().unwrap()]).unwrap();
        let codes: Vec<_> = rooms.iter().map(|room| (room.first.as_str(), room.others.as_str())).collect();
        assert_eq!(codes, [("123", "123"), ("7", "8"), ("111", "222"), ("333", "444"), ("555", "555")]);
    }

    #[test]
    fn what_is_neither_is_refused_by_name() {
        assert!(
            matches!(read(&["no-such-file"]), Err(RoomListError::Line { line }) if line == "no-such-file")
        );
        assert!(matches!(read(&["1:2:3"]), Err(RoomListError::Line { .. })));
        assert!(matches!(read(&[]), Err(RoomListError::Empty)));
    }
}
