//! Values and rows: what goes into a statement and what comes out, whichever database it is put to.

use std::sync::Arc;
use std::time::Duration;

use partyline_conference::{
    AccountId, AttemptId, AttendanceId, CommandId, ConfereeId, ConferenceId, Epoch, EventSequence,
    Generation, InterfaceServerId, MixId, MixerClass, MixerId, Order, RoomId, RoomName, RoomVersion,
    ServiceName, Timestamp, TrunkName, VruId,
};
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::contract::StoreError;
use crate::words::Word;

/// A value on its way to a statement. `None` is SQL's null, of the column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
}

/// What can be handed to a statement.
pub(crate) trait Bind {
    /// The null of its type.
    const NULL: Value = Value::Text(None);

    fn value(self) -> Value;
}

/// Gathers the values of a statement, `$1` first.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::cells::Bind::value($value)),*]
    };
}
pub(crate) use values;

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Int(number) => number.to_sql(),
            Self::Text(text) => text.to_sql(),
        }
    }
}

/// A row that was read.
pub(crate) struct Row {
    names: Arc<[Box<str>]>,
    cells: Vec<Cell>,
}

/// A column's value as it came.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(String),
    /// What none of our columns holds.
    Other,
}

impl From<ValueRef<'_>> for Cell {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(number) => Self::Int(number),
            ValueRef::Text(text) => {
                std::str::from_utf8(text).map_or(Self::Other, |text| Self::Text(text.to_owned()))
            }
            ValueRef::Real(_) | ValueRef::Blob(_) => Self::Other,
        }
    }
}

/// What a column can be read as; `None` where the cell is no such thing.
pub(crate) trait Column: Sized {
    fn from_cell(cell: Cell) -> Option<Self>;
}

impl Row {
    /// Cells under the names of their columns.
    pub(crate) fn new(names: Arc<[Box<str>]>, cells: Vec<Cell>) -> Self {
        Self { names, cells }
    }

    /// The columns, with what they hold.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&str, &Cell)> {
        self.names.iter().map(|name| &**name).zip(&self.cells)
    }

    /// Reads a column by its name.
    pub(crate) fn read<T: Column>(&self, name: &str) -> Result<T, StoreError> {
        let place = self.names.iter().position(|known| **known == *name);
        let cell = place.and_then(|place| self.cells.get(place));
        let cell = cell.ok_or_else(|| StoreError::Damaged(format!("there is no column {name:?}")))?;
        T::from_cell(cell.clone())
            .ok_or_else(|| StoreError::Damaged(format!("column {name:?} holds what it should not")))
    }
}

impl<T: Bind> Bind for Option<T> {
    const NULL: Value = T::NULL;

    fn value(self) -> Value {
        self.map_or(T::NULL, Bind::value)
    }
}

impl<T: Column> Column for Option<T> {
    fn from_cell(cell: Cell) -> Option<Self> {
        if matches!(cell, Cell::Null) {
            return Some(None);
        }
        T::from_cell(cell).map(Some)
    }
}

impl<W: Word> Bind for W {
    fn value(self) -> Value {
        Value::Text(Some(self.word().to_owned()))
    }
}

impl<W: Word> Column for W {
    fn from_cell(cell: Cell) -> Option<Self> {
        W::from_word(&text(cell)?)
    }
}

impl Bind for &str {
    fn value(self) -> Value {
        Value::Text(Some(self.to_owned()))
    }
}

impl Bind for String {
    fn value(self) -> Value {
        Value::Text(Some(self))
    }
}

impl Column for String {
    fn from_cell(cell: Cell) -> Option<Self> {
        text(cell)
    }
}

impl Bind for bool {
    const NULL: Value = Value::Int(None);

    fn value(self) -> Value {
        Value::Int(Some(i64::from(self)))
    }
}

impl Column for bool {
    fn from_cell(cell: Cell) -> Option<Self> {
        match int(cell)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

/// Lengths of time are kept as milliseconds.
impl Bind for Duration {
    const NULL: Value = Value::Int(None);

    fn value(self) -> Value {
        Value::Int(Some(i64::try_from(self.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Column for Duration {
    fn from_cell(cell: Cell) -> Option<Self> {
        u64::try_from(int(cell)?).ok().map(Self::from_millis)
    }
}

fn int(cell: Cell) -> Option<i64> {
    match cell {
        Cell::Int(number) => Some(number),
        Cell::Null | Cell::Text(_) | Cell::Other => None,
    }
}

fn text(cell: Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text),
        Cell::Null | Cell::Int(_) | Cell::Other => None,
    }
}

macro_rules! integers {
    ($($of:ty)+) => {$(
        impl Bind for $of {
            const NULL: Value = Value::Int(None);

            fn value(self) -> Value {
                // What no column can hold is kept as the most that one can.
                Value::Int(Some(i64::try_from(self).unwrap_or(i64::MAX)))
            }
        }

        impl Column for $of {
            fn from_cell(cell: Cell) -> Option<Self> {
                Self::try_from(int(cell)?).ok()
            }
        }
    )+};
}
integers!(i64 u32 u64);

macro_rules! counters {
    ($($of:ident)+) => {$(
        impl Bind for $of {
            const NULL: Value = Value::Int(None);

            fn value(self) -> Value {
                self.0.value()
            }
        }

        impl Column for $of {
            fn from_cell(cell: Cell) -> Option<Self> {
                Column::from_cell(cell).map(Self)
            }
        }
    )+};
}
counters!(Timestamp Epoch EventSequence Generation Order RoomVersion);

macro_rules! texts {
    ($($of:ident)+) => {$(
        impl Bind for $of {
            fn value(self) -> Value {
                Value::Text(Some(self.to_string()))
            }
        }

        impl Bind for &$of {
            fn value(self) -> Value {
                Value::Text(Some(self.to_string()))
            }
        }

        impl Column for $of {
            fn from_cell(cell: Cell) -> Option<Self> {
                text(cell)?.parse().ok()
            }
        }
    )+};
}
texts!(AccountId AttemptId AttendanceId CommandId ConfereeId ConferenceId MixId RoomId);
texts!(InterfaceServerId MixerClass MixerId ServiceName TrunkName VruId);

impl Bind for &RoomName {
    fn value(self) -> Value {
        self.as_str().value()
    }
}

impl Column for RoomName {
    fn from_cell(cell: Cell) -> Option<Self> {
        Self::new(&text(cell)?).ok()
    }
}
