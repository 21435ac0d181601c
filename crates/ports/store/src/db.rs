//! A connection: the thin layer on which every query of this crate stands, whichever database it asks.
//!
//! Queries are written once, with `$n` placeholders and two kinds of value (text and integer). What
//! differs between databases is kept in here: SQLite on the thread that asks, PostgreSQL by a `Session`.

use std::borrow::Cow;
use std::sync::Arc;

use futures::FutureExt as _;

pub(crate) use crate::cells::{Bind, Cell, Column, Row, Value, values};
use crate::contract::StoreError;
use crate::session::{Session, Trouble};

/// An open connection, or the one of a transaction.
///
/// SQLite answers on the thread that asks, so that nothing on such a connection is ever pending: see [`done`].
pub(crate) struct Connection<'c>(Database<'c>);

enum Database<'c> {
    Sqlite { sqlite: &'c mut rusqlite::Connection, code: Option<i32> },
    Postgres(&'c mut Session),
}

/// Why SQLite refused a statement.
struct SqliteFailure<'e> {
    error: &'e rusqlite::Error,
    code: &'e mut Option<i32>,
}

impl SqliteFailure<'_> {
    fn noted(self) -> StoreError {
        *self.code = sqlite_code(self.error);
        failure(self.error)
    }
}

impl<'c> Connection<'c> {
    pub(crate) fn new(sqlite: &'c mut rusqlite::Connection) -> Self {
        Self(Database::Sqlite { sqlite, code: None })
    }

    pub(crate) fn postgres(session: &'c mut Session) -> Self {
        Self(Database::Postgres(session))
    }

    /// SQLite's primary result code of the last failure on this connection.
    pub(crate) fn code(&self) -> Option<i32> {
        match &self.0 {
            Database::Sqlite { code, .. } => *code,
            Database::Postgres(_) => None,
        }
    }

    /// Carries out a statement; answers how many rows it touched.
    pub(crate) async fn execute(&mut self, sql: impl Sql, values: Vec<Value>) -> Result<u64, StoreError> {
        match &mut self.0 {
            Database::Sqlite { sqlite, code } => {
                let touched = execute(sqlite, &sql.sql(), &values)
                    .map_err(|error| SqliteFailure { error: &error, code }.noted())?;
                Ok(u64::try_from(touched).unwrap_or(u64::MAX))
            }
            Database::Postgres(session) => {
                session.execute(&sql.sql(), &values).await.map_err(|failure| failure.error)
            }
        }
    }

    /// Inserts; a row of the same key is the answer `Taken(what)`.
    pub(crate) async fn insert(
        &mut self,
        what: &'static str,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<(), StoreError> {
        match &mut self.0 {
            Database::Sqlite { sqlite, code } => match execute(sqlite, sql, &values) {
                Ok(_) => Ok(()),
                Err(error) if is_taken(&error) => Err(StoreError::Taken(what)),
                Err(error) => Err(SqliteFailure { error: &error, code }.noted()),
            },
            Database::Postgres(session) => match session.execute(sql, &values).await {
                Ok(_) => Ok(()),
                Err(failure) if failure.trouble == Trouble::Taken => Err(StoreError::Taken(what)),
                Err(failure) => Err(failure.error),
            },
        }
    }

    /// All rows that a query answers with.
    pub(crate) async fn all(&mut self, sql: impl Sql, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        self.some(sql, values, usize::MAX).await
    }

    /// The first row, if there is one.
    pub(crate) async fn first(
        &mut self,
        sql: impl Sql,
        values: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.some(sql, values, 1).await?.into_iter().next())
    }

    async fn some(
        &mut self,
        sql: impl Sql,
        values: Vec<Value>,
        rows_max: usize,
    ) -> Result<Vec<Row>, StoreError> {
        match &mut self.0 {
            Database::Sqlite { sqlite, code } => query(sqlite, &sql.sql(), &values, rows_max)
                .map_err(|error| SqliteFailure { error: &error, code }.noted()),
            Database::Postgres(session) => {
                session.query(&sql.sql(), &values, rows_max).await.map_err(|failure| failure.error)
            }
        }
    }

    /// The one row of a query that always has one.
    pub(crate) async fn one(&mut self, sql: impl Sql, values: Vec<Value>) -> Result<Row, StoreError> {
        self.first(sql, values).await?.ok_or_else(|| StoreError::Damaged("a row is missing".into()))
    }

    /// Statements without values, several at once: schema and transactions.
    pub(crate) async fn run(&mut self, sql: &str) -> Result<(), StoreError> {
        match &mut self.0 {
            Database::Sqlite { sqlite, code } => {
                sqlite.execute_batch(sql).map_err(|error| SqliteFailure { error: &error, code }.noted())
            }
            Database::Postgres(session) => session.run(sql).await.map_err(|failure| failure.error),
        }
    }

    /// Holds a row until the transaction ends, so that what is read of it next is what is written on. SQLite has one
    /// writer at a time and needs nothing.
    pub(crate) async fn hold(&mut self, row: Held, id: Value) -> Result<(), StoreError> {
        if let Database::Postgres(session) = &mut self.0 {
            let sql = match row {
                Held::Room => "SELECT 1 AS held FROM room WHERE id = $1 FOR NO KEY UPDATE",
                Held::Account => "SELECT 1 AS held FROM account WHERE id = $1 FOR NO KEY UPDATE",
            };
            session.query(sql, &[id], 1).await.map_err(|failure| failure.error)?;
        }
        Ok(())
    }

    /// A column's type as this database should have it: texts compare octet by octet, as they do on SQLite.
    pub(crate) fn dialect<'s>(&self, schema: &'s str) -> Cow<'s, str> {
        match &self.0 {
            Database::Sqlite { .. } => Cow::Borrowed(schema),
            Database::Postgres(_) => Cow::Owned(schema.replace(" TEXT", " TEXT COLLATE \"C\"")),
        }
    }
}

/// A row that can be held. A room is held before its account, so that two never wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    Room,
    Account,
}

/// The answer of a future that waits for nothing but SQLite.
pub(crate) fn done<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("SQLite answers on the thread that asks: nothing is pending")
}

fn execute(sqlite: &rusqlite::Connection, sql: &str, values: &[Value]) -> rusqlite::Result<usize> {
    let mut statement = sqlite.prepare_cached(sql)?;
    bind(&mut statement, values)?;
    statement.raw_execute()
}

/// So many rows of an answer, at most.
fn query(
    sqlite: &rusqlite::Connection,
    sql: &str,
    values: &[Value],
    rows_max: usize,
) -> rusqlite::Result<Vec<Row>> {
    let mut statement = sqlite.prepare_cached(sql)?;
    bind(&mut statement, values)?;
    let names: Arc<[Box<str>]> = statement.column_names().map(Box::from).collect();
    let mut answers = statement.raw_query();
    let mut rows = Vec::new();
    while rows.len() < rows_max
        && let Some(answer) = answers.next()?
    {
        let cells = (0..names.len()).map(|column| answer.get_ref(column).map(Cell::from));
        rows.push(Row::new(Arc::clone(&names), cells.collect::<rusqlite::Result<_>>()?));
    }
    Ok(rows)
}

/// Binds `$1` to the first value and so on, in whichever order the text names them.
fn bind(statement: &mut rusqlite::Statement<'_>, values: &[Value]) -> rusqlite::Result<()> {
    for place in 1..=statement.parameter_count() {
        let named = statement.parameter_name(place).and_then(|name| name.get(1..)?.parse::<usize>().ok());
        let value = named.and_then(|number| values.get(number.checked_sub(1)?));
        let value = value.ok_or(rusqlite::Error::InvalidParameterCount(values.len(), place))?;
        statement.raw_bind_parameter(place, value)?;
    }
    Ok(())
}

/// The text of a statement: fixed, or with a list of placeholders in it.
pub(crate) trait Sql: Send {
    fn sql(self) -> Cow<'static, str>;
}

impl Sql for &'static str {
    fn sql(self) -> Cow<'static, str> {
        Cow::Borrowed(self)
    }
}

/// A statement that was put together from names of tables and columns.
pub(crate) struct Built(pub(crate) String);

impl Sql for Built {
    fn sql(self) -> Cow<'static, str> {
        Cow::Owned(self.0)
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
    fn sql(self) -> Cow<'static, str> {
        // Nothing but placeholders was put into a fixed text.
        Cow::Owned(self.0)
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

/// What a database error means for whoever asked.
pub(crate) fn failure(error: &rusqlite::Error) -> StoreError {
    if matches!(sqlite_code(error), Some(SQLITE_CORRUPT | SQLITE_NOTADB)) {
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
const SQLITE_CONSTRAINT_PRIMARYKEY: i32 = 1555;
const SQLITE_CONSTRAINT_UNIQUE: i32 = 2067;

/// The primary result code, where SQLite gave one.
pub(crate) fn sqlite_code(error: &rusqlite::Error) -> Option<i32> {
    Some(error.sqlite_error()?.extended_code & 0xff)
}

fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        matches!(error.extended_code, SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_UNIQUE)
    })
}
