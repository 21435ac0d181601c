//! One connection to a PostgreSQL server at work: statements with a time limit, and what their failures mean.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use deadpool_postgres::Object;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::cells::{Cell, Row, Value};
use crate::contract::StoreError;

/// What a failure means for the transaction that it happened in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Other transactions were in the way: it can be tried again at once.
    InTheWay,
    /// The connection is of no use any more; where a server is there again it can be tried again.
    Lost,
    /// A row of the key is there.
    Taken,
    /// Trying again would end the same way.
    Failed,
}

/// Why a statement failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) trouble: Trouble,
    pub(crate) error: StoreError,
}

/// A pooled connection while somebody works with it.
///
/// One that is dropped before [`Self::give_back`] is closed: nobody knows what was under way on it.
pub(crate) struct Session {
    client: Option<Object>,
    statement_max: Duration,
    /// Goes out with the first statement: it costs no way there and back of its own.
    opening: Option<&'static str>,
    trouble: Option<Trouble>,
}

impl Session {
    pub(crate) fn new(client: Object, statement_max: Duration) -> Self {
        Self { client: Some(client), statement_max, opening: None, trouble: None }
    }

    /// Begins a transaction together with its first statement.
    pub(crate) fn open_with(&mut self, opening: &'static str) {
        self.opening = Some(opening);
    }

    /// What went wrong in this transaction, if something did.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    /// Has statements take longer than usual.
    pub(crate) fn allow(&mut self, statement_max: Duration) {
        self.statement_max = statement_max;
    }

    /// Ends a transaction that has written nothing or was not to, and gives the connection back if it is sound.
    pub(crate) fn give_back(mut self, ending: &'static str) {
        let Some(client) = self.client.take() else { return };
        if self.trouble == Some(Trouble::Lost) || client.is_closed() {
            drop(Object::take(client));
            return;
        }
        if self.opening.take().is_none() && !ending.is_empty() {
            // Sent by the first poll; whatever is asked next on this connection comes behind it.
            let _ = futures::FutureExt::now_or_never(client.batch_execute(ending));
        }
    }

    fn client(&self) -> &Object {
        self.client.as_ref().expect("a session has its connection until it is given back")
    }

    /// Carries out a statement; answers how many rows it touched.
    pub(crate) async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, Failure> {
        let opening = self.opening.take();
        let client = self.client();
        let work = async {
            let statement = client.prepare_cached(sql).await?;
            let parameters = parameters(values);
            let rows = client.execute(&statement, &parameters);
            match opening {
                Some(opening) => Ok(futures::try_join!(client.batch_execute(opening), rows)?.1),
                None => rows.await,
            }
        };
        let answer = tokio::time::timeout(self.statement_max, work).await;
        self.judge(answer)
    }

    /// The rows of an answer, `rows_max` at most.
    pub(crate) async fn query(
        &mut self,
        sql: &str,
        values: &[Value],
        rows_max: usize,
    ) -> Result<Vec<Row>, Failure> {
        let opening = self.opening.take();
        let client = self.client();
        let work = async {
            let statement = client.prepare_cached(sql).await?;
            let parameters = parameters(values);
            let rows = client.query(&statement, &parameters);
            let rows = match opening {
                Some(opening) => futures::try_join!(client.batch_execute(opening), rows)?.1,
                None => rows.await?,
            };
            let names: Arc<[Box<str>]> =
                statement.columns().iter().map(|column| Box::from(column.name())).collect();
            let read = |row: &tokio_postgres::Row| {
                let cells = (0..names.len()).map(|column| row.try_get::<_, Cell>(column));
                Ok(Row::new(Arc::clone(&names), cells.collect::<Result<_, Error>>()?))
            };
            rows.iter().take(rows_max).map(read).collect::<Result<Vec<Row>, Error>>()
        };
        let answer = tokio::time::timeout(self.statement_max, work).await;
        self.judge(answer)
    }

    /// Statements without values, several at once.
    pub(crate) async fn run(&mut self, sql: &str) -> Result<(), Failure> {
        let opening = self.opening.take();
        let client = self.client();
        let work = async {
            if let Some(opening) = opening {
                client.batch_execute(opening).await?;
            }
            client.batch_execute(sql).await
        };
        let answer = tokio::time::timeout(self.statement_max, work).await;
        self.judge(answer)
    }

    fn judge<T>(
        &mut self,
        answer: Result<Result<T, Error>, tokio::time::error::Elapsed>,
    ) -> Result<T, Failure> {
        let failure = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => Failure { trouble: trouble(&error), error: failure(&error) },
            Err(_) => Failure {
                trouble: Trouble::Lost,
                error: StoreError::Unavailable("the database does not answer".into()),
            },
        };
        self.trouble = Some(failure.trouble);
        Err(failure)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// [PostgreSQL error codes](https://www.postgresql.org/docs/current/errcodes-appendix.html)
fn trouble(error: &Error) -> Trouble {
    let Some(code) = error.code() else {
        // What can't be bound or read is a matter of ours; everything else without a code is the connection's.
        let is_ours =
            error.source().is_some_and(|source| !source.is::<std::io::Error>()) && !error.is_closed();
        return if is_ours { Trouble::Failed } else { Trouble::Lost };
    };
    let in_the_way = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::QUERY_CANCELED,
    ];
    if in_the_way.contains(code) {
        return Trouble::InTheWay;
    }
    if *code == SqlState::UNIQUE_VIOLATION {
        return Trouble::Taken;
    }
    // The schema was changed under a prepared statement: another connection has none. A server that has become a standby
    // takes no writes. Class 08 is the connection, class 57 an operator who stops the server.
    let lost = [SqlState::FEATURE_NOT_SUPPORTED, SqlState::READ_ONLY_SQL_TRANSACTION];
    if lost.contains(code) || code.code().starts_with("08") || code.code().starts_with("57P") {
        return Trouble::Lost;
    }
    Trouble::Failed
}

/// What a database's error means for whoever asked.
pub(crate) fn failure(error: &Error) -> StoreError {
    let is_damaged = error.code().is_some_and(|code| {
        let no_such = [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN];
        no_such.contains(code) || [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED].contains(code)
    });
    if is_damaged { StoreError::Damaged(said(error)) } else { StoreError::Unavailable(said(error)) }
}

/// The error with what the server, or the system, said of it.
pub(crate) fn said(error: &Error) -> String {
    if let Some(answer) = error.as_db_error() {
        return format!("{} ({})", answer.message(), answer.code().code());
    }
    match error.source() {
        Some(source) => {
            format!("{error}: {source}").replace(&format!("{source}: {source}"), &source.to_string())
        }
        None => error.to_string(),
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        of: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Int(None) | Self::Text(None) => Ok(IsNull::Yes),
            Self::Int(Some(number)) if *of == Type::INT4 => i32::try_from(*number)?.to_sql(of, out),
            Self::Int(Some(number)) if *of == Type::INT8 => number.to_sql(of, out),
            // PostgreSQL keeps no zero in a text; nobody has one in a name or number either.
            Self::Text(Some(text)) if <&str as ToSql>::accepts(of) => {
                if text.contains('\0') {
                    text.replace('\0', "\u{fffd}").to_sql(of, out)
                } else {
                    text.to_sql(of, out)
                }
            }
            Self::Int(Some(_)) | Self::Text(Some(_)) => Err(format!("a value is no {of}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Cell {
    fn from_sql(of: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match *of {
            Type::INT8 => Self::Int(i64::from_sql(of, raw)?),
            Type::INT4 => Self::Int(i64::from(i32::from_sql(of, raw)?)),
            Type::BOOL => Self::Int(i64::from(bool::from_sql(of, raw)?)),
            _ if <String as FromSql>::accepts(of) => Self::Text(String::from_sql(of, raw)?),
            _ => Self::Other,
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
