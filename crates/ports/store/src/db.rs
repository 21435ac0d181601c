//! A connection, values and rows: the thin layer on which every query of this crate stands.
//!
//! Queries are written once, with `$n` placeholders and two kinds of value (text and integer). What
//! differs between databases is kept in here, so that another one is one more kind of connection.

use std::time::Duration;

use partyline_conference::{
    AccountId, AttemptId, AttendanceId, CommandId, ConfereeId, ConferenceId, Epoch, EventSequence,
    Generation, InterfaceServerId, MixId, MixerClass, MixerId, Order, RoomId, RoomName, RoomVersion,
    ServiceName, Timestamp, TrunkName, VruId,
};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Decode, Row as _, Sqlite, SqliteConnection, TypeInfo, ValueRef};

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
        vec![$($crate::db::Bind::value($value)),*]
    };
}
pub(crate) use values;

/// An open connection, or the one of a transaction.
pub(crate) struct Connection<'c> {
    sqlite: &'c mut SqliteConnection,
    code: Option<i32>,
}

impl<'c> Connection<'c> {
    pub(crate) fn new(sqlite: &'c mut SqliteConnection) -> Self {
        Self { sqlite, code: None }
    }

    /// SQLite's primary result code of the last failure on this connection.
    pub(crate) fn code(&self) -> Option<i32> {
        self.code
    }

    fn failed(&mut self, error: sqlx::Error) -> StoreError {
        self.code = sqlite_code(&error);
        failure(error)
    }

    /// Carries out a statement; answers how many rows it touched.
    pub(crate) async fn execute(&mut self, sql: impl Sql, values: Vec<Value>) -> Result<u64, StoreError> {
        let done =
            statement(sql, values).execute(&mut *self.sqlite).await.map_err(|error| self.failed(error))?;
        Ok(done.rows_affected())
    }

    /// Inserts; a row of the same key is the answer `Taken(what)`.
    pub(crate) async fn insert(
        &mut self,
        what: &'static str,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<(), StoreError> {
        match statement(sql, values).execute(&mut *self.sqlite).await {
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(StoreError::Taken(what)),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// All rows that a query answers with.
    pub(crate) async fn all(&mut self, sql: impl Sql, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let rows =
            statement(sql, values).fetch_all(&mut *self.sqlite).await.map_err(|error| self.failed(error))?;
        Ok(rows.into_iter().map(Row).collect())
    }

    /// The first row, if there is one.
    pub(crate) async fn first(
        &mut self,
        sql: impl Sql,
        values: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        let row = statement(sql, values)
            .fetch_optional(&mut *self.sqlite)
            .await
            .map_err(|error| self.failed(error))?;
        Ok(row.map(Row))
    }

    /// The one row of a query that always has one.
    pub(crate) async fn one(&mut self, sql: impl Sql, values: Vec<Value>) -> Result<Row, StoreError> {
        self.first(sql, values).await?.ok_or_else(|| StoreError::Damaged("a row is missing".into()))
    }

    /// Statements without values, several at once: schema and transactions.
    pub(crate) async fn run(&mut self, sql: &'static str) -> Result<(), StoreError> {
        sqlx::raw_sql(sql).execute(&mut *self.sqlite).await.map_err(|error| self.failed(error))?;
        Ok(())
    }
}

/// The text of a statement: fixed, or with a list of placeholders in it.
pub(crate) trait Sql: Send {
    fn sql(self) -> sqlx::SqlStr;
}

impl Sql for &'static str {
    fn sql(self) -> sqlx::SqlStr {
        sqlx::SqlStr::from_static(self)
    }
}

/// A statement whose text holds as many placeholders as a list has items.
pub(crate) struct WithList(String);

impl WithList {
    /// Puts `$first, …` for `items` values where the text says `LIST`.
    pub(crate) fn new(text: &'static str, first: usize, items: usize) -> Self {
        let places: Vec<String> = (first..first + items).map(|place| format!("${place}")).collect();
        Self(text.replace("LIST", &places.join(", ")))
    }
}

impl Sql for WithList {
    fn sql(self) -> sqlx::SqlStr {
        // Nothing but placeholders was put into a fixed text.
        sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(self.0))
    }
}

/// Most items in one list; longer ones are read in parts.
pub(crate) const LIST_MAX: usize = 256;

/// The items of a list, filled up by its last to a power of two, so that few different statements arise.
pub(crate) fn padded<T: Bind + Clone>(items: &[T]) -> Vec<Value> {
    let mut values: Vec<Value> = items.iter().cloned().map(Bind::value).collect();
    if let Some(last) = values.last().cloned() {
        values.resize(items.len().next_power_of_two(), last);
    }
    values
}

fn statement(sql: impl Sql, values: Vec<Value>) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
    values.into_iter().fold(sqlx::query(sql.sql()), |query, value| match value {
        Value::Int(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
    })
}

/// What a database error means for whoever asked.
pub(crate) fn failure(error: sqlx::Error) -> StoreError {
    if matches!(sqlite_code(&error), Some(SQLITE_CORRUPT | SQLITE_NOTADB)) {
        return StoreError::Damaged(error.to_string());
    }
    StoreError::Unavailable(error.to_string())
}

/// [SQLite result codes](https://sqlite.org/rescode.html)
pub(crate) const SQLITE_PERM: i32 = 3;
pub(crate) const SQLITE_BUSY: i32 = 5;
pub(crate) const SQLITE_LOCKED: i32 = 6;
pub(crate) const SQLITE_READONLY: i32 = 8;
pub(crate) const SQLITE_CORRUPT: i32 = 11;
pub(crate) const SQLITE_FULL: i32 = 13;
pub(crate) const SQLITE_CANTOPEN: i32 = 14;
pub(crate) const SQLITE_NOTADB: i32 = 26;

/// The primary result code, where SQLite gave one.
pub(crate) fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// A row that was read.
pub(crate) struct Row(SqliteRow);

/// A column's value as it came.
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(String),
}

/// What a column can be read as; `None` where the cell is no such thing.
pub(crate) trait Column: Sized {
    fn from_cell(cell: Cell) -> Option<Self>;
}

impl Row {
    /// Reads a column by its name.
    pub(crate) fn read<T: Column>(&self, name: &str) -> Result<T, StoreError> {
        let cell = self.cell(name).map_err(|error| StoreError::Damaged(error.to_string()))?;
        T::from_cell(cell)
            .ok_or_else(|| StoreError::Damaged(format!("column {name:?} holds what it should not")))
    }

    fn cell(&self, name: &str) -> Result<Cell, sqlx::error::BoxDynError> {
        let raw = self.0.try_get_raw(name)?;
        if raw.is_null() {
            return Ok(Cell::Null);
        }
        if raw.type_info().name() == "INTEGER" {
            return <i64 as Decode<Sqlite>>::decode(raw).map(Cell::Int);
        }
        <String as Decode<Sqlite>>::decode(raw).map(Cell::Text)
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
        Cell::Null | Cell::Text(_) => None,
    }
}

fn text(cell: Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text),
        Cell::Null | Cell::Int(_) => None,
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
