//! One connection to PostgreSQL, by tokio-postgres.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use dataflow_core::Result;
use dataflow_core::dialect::{Param, ParamValue, Statement};
use dataflow_core::types::LogicalType;
use futures_util::future::BoxFuture;
use futures_util::{SinkExt, TryStreamExt};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, RowStream, SimpleQueryMessage};

use super::decode::{Field, append};
use super::encode::{encode_array, encode_column, encode_rows, encode_value};
use super::error::{is_stale_statement, lost, translate};
use super::link::Door;
use super::wire_type::{array_type, wire_type};
use crate::copy::copy_stream;
use crate::driver::{Chunks, Driver, Reply};
use crate::fetch::RowSink;

/// Statements kept prepared on a connection; the server holds a plan for each.
const STATEMENT_CACHE: usize = 256;

pub(super) struct PostgresDriver {
    speaker: Speaker,
    wire: Wire,
    door: Door,
}

/// Says what is wanted, and hears the answers.
struct Speaker {
    client: Client,
    /// None behind PgBouncer: every statement is unnamed.
    prepared: Option<HashMap<String, tokio_postgres::Statement>>,
    /// COPY was refused before it began: tokio-postgres has sent one Sync too many (rust-postgres#1337).
    out_of_step: bool,
}

/// The socket, which is closed when this is dropped.
///
/// Whoever waits for an answer reads and writes it: a task of its own would have to be woken for every statement, and
/// would wake the waiting one in turn.
struct Wire(Option<BoxFuture<'static, ()>>);

impl Wire {
    /// Runs an exchange to its end.
    async fn drive<T>(&mut self, exchange: impl Future<Output = T>) -> T {
        let mut exchange = pin!(exchange);
        poll_fn(|cx| match exchange.as_mut().poll(cx) {
            Poll::Pending => {
                self.poll(cx);
                exchange.as_mut().poll(cx)
            }
            ended => ended,
        })
        .await
    }

    /// Sends what is to be sent, and takes what has come.
    fn poll(&mut self, cx: &mut Context<'_>) {
        // A connection that has ended is dropped: the exchange under way hears of it by that.
        if self.0.as_mut().is_some_and(|connection| connection.as_mut().poll(cx).is_ready()) {
            self.0 = None;
        }
    }
}

/// A parameter or row value already in wire format.
#[derive(Debug)]
struct Encoded(Option<BytesMut>);

impl ToSql for Encoded {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match &self.0 {
            None => Ok(IsNull::Yes),
            Some(bytes) => {
                out.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl PostgresDriver {
    /// `connection` is polled by the exchanges of `client`; how it ends is told to the exchange under way, as its error.
    pub fn new(client: Client, connection: BoxFuture<'static, ()>, door: Door) -> Self {
        let speaker = Speaker { client, prepared: None, out_of_step: false };
        PostgresDriver { speaker, wire: Wire(Some(connection)), door }
    }

    pub fn keep_prepared(&mut self) {
        self.speaker.prepared = Some(HashMap::new());
    }
}

impl Speaker {
    async fn run(&mut self, statement: &Statement) -> Result<Reply> {
        let plain = statement.params.is_empty() && statement.rows.is_none() && statement.returns.is_empty();
        if plain { self.run_plain(statement).await } else { self.run_typed(statement).await }
    }

    async fn copy_in(&mut self, statement: &Statement, chunks: Chunks) -> Result<Reply> {
        let sink = match self.begin_copy(&statement.sql).await {
            Ok(sink) => sink,
            Err(error) => {
                self.out_of_step = true;
                return Err(translate(&error));
            }
        };
        let mut sink = pin!(sink);
        for message in copy_stream(chunks) {
            // A refused value ends the stream here: dropping the sink makes the server forget all of it.
            let message = message?;
            if sink.as_mut().feed(message).await.is_err() {
                // The server has given up; its reason comes with the answer to the end of the stream.
                break;
            }
        }
        let affected =
            sink.finish().await.map_err(|error| if error.is_closed() { lost() } else { translate(&error) })?;
        Ok(Reply { affected, rows: RowSink::new(&[]).finish()? })
    }

    /// Control statements and DDL, by the simple protocol.
    async fn run_plain(&self, statement: &Statement) -> Result<Reply> {
        let messages = self.client.simple_query(&statement.sql).await.map_err(|error| translate(&error))?;
        let affected = messages.iter().map(|message| match message {
            SimpleQueryMessage::CommandComplete(rows) => *rows,
            _ => 0,
        });
        Ok(Reply { affected: affected.sum(), rows: RowSink::new(&[]).finish()? })
    }

    async fn run_typed(&mut self, statement: &Statement) -> Result<Reply> {
        let (params, types) = encode_params(statement)?;
        let stream = match self.send(&statement.sql, &params, &types).await {
            // The table changed since: what was prepared is dropped, and this statement prepared anew, once.
            Err(error) if is_stale_statement(&error) => {
                if let Some(prepared) = &mut self.prepared {
                    prepared.clear();
                }
                self.send(&statement.sql, &params, &types).await
            }
            sent => sent,
        };
        collect(statement, stream.map_err(|error| translate(&error))?).await
    }

    async fn send(
        &mut self,
        sql: &str,
        params: &[Encoded],
        types: &[Type],
    ) -> std::result::Result<RowStream, tokio_postgres::Error> {
        match self.prepare(sql, types).await? {
            None => self.client.query_typed_raw(sql, params.iter().zip(types.iter().cloned())).await,
            Some(statement) => self.client.query_raw(&statement, params).await,
        }
    }

    /// The statement as it is kept prepared; None where none is kept.
    async fn prepare(
        &mut self,
        sql: &str,
        types: &[Type],
    ) -> std::result::Result<Option<tokio_postgres::Statement>, tokio_postgres::Error> {
        let Some(prepared) = &mut self.prepared else {
            return Ok(None);
        };
        if let Some(statement) = prepared.get(sql) {
            return Ok(Some(statement.clone()));
        }
        if prepared.len() >= STATEMENT_CACHE {
            prepared.clear();
        }
        let statement = self.client.prepare_typed(sql, types).await?;
        prepared.insert(sql.to_owned(), statement.clone());
        Ok(Some(statement))
    }

    /// A COPY that was prepared before begins a round trip earlier.
    async fn begin_copy(
        &mut self,
        sql: &str,
    ) -> std::result::Result<tokio_postgres::CopyInSink<Bytes>, tokio_postgres::Error> {
        match self.prepare(sql, &[]).await? {
            None => self.client.copy_in(sql).await,
            Some(statement) => self.client.copy_in(&statement).await,
        }
    }
}

async fn collect(statement: &Statement, stream: RowStream) -> Result<Reply> {
    let mut sink = RowSink::new(&statement.returns);
    let mut stream = pin!(stream);
    while let Some(row) = stream.try_next().await.map_err(|error| translate(&error))? {
        for (at, (builder, column)) in sink.columns.iter_mut().zip(&statement.returns).enumerate() {
            let field: Option<Field<'_>> = row.try_get(at).map_err(|error| translate(&error))?;
            append(builder, column, field)?;
        }
        sink.end_row();
    }
    Ok(Reply { affected: stream.rows_affected().unwrap_or(0), rows: sink.finish()? })
}

fn encode_params(statement: &Statement) -> Result<(Vec<Encoded>, Vec<Type>)> {
    if let Some(batch) = &statement.rows {
        let fields = batch.schema_ref().fields();
        let types = fields.iter().map(|field| Ok(wire_type(&LogicalType::of_field(field)?)));
        let types = types.collect::<Result<Vec<Type>>>()?;
        let values = encode_rows(batch)?.into_iter().map(Encoded).collect();
        return Ok((values, types.iter().cloned().cycle().take(types.len() * batch.num_rows()).collect()));
    }
    let encoded = statement.params.iter().map(|param| encode_param(param).map(Encoded)).collect::<Result<_>>()?;
    Ok((encoded, statement.params.iter().map(param_type).collect()))
}

fn encode_param(param: &Param) -> Result<Option<BytesMut>> {
    match &param.value {
        ParamValue::One(value) => encode_value(&param.ty, value),
        ParamValue::Many(values) => encode_array(&param.ty, values).map(Some),
        ParamValue::Column(column) => encode_column(&param.ty, column.as_ref()).map(Some),
    }
}

fn param_type(param: &Param) -> Type {
    match param.value {
        ParamValue::One(_) => wire_type(&param.ty),
        ParamValue::Many(_) | ParamValue::Column(_) => array_type(&wire_type(&param.ty)),
    }
}

impl Driver for PostgresDriver {
    fn run<'a>(&'a mut self, statement: &'a Statement) -> BoxFuture<'a, Result<Reply>> {
        Box::pin(self.wire.drive(self.speaker.run(statement)))
    }

    fn copy_in<'a>(&'a mut self, statement: &'a Statement, chunks: Chunks) -> BoxFuture<'a, Result<Reply>> {
        Box::pin(self.wire.drive(self.speaker.copy_in(statement, chunks)))
    }

    fn interrupt(&self) -> BoxFuture<'static, ()> {
        let (token, door) = (self.speaker.client.cancel_token(), self.door.clone());
        Box::pin(async move {
            // One that does not arrive changes nothing: the socket is closed after the grace.
            if let (Ok(link), Ok(tls)) = (door.address.dial().await, door.tls()) {
                token.cancel_query_raw(link, tls).await.ok();
            }
        })
    }

    fn is_closed(&self) -> bool {
        self.speaker.client.is_closed() || self.speaker.out_of_step
    }

    /// Nobody has looked at the socket since the last exchange.
    fn check_alive(&mut self) -> BoxFuture<'_, bool> {
        Box::pin(poll_fn(|cx| {
            self.wire.poll(cx);
            Poll::Ready(!self.is_closed())
        }))
    }

    fn close(self: Box<Self>) {}
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_error_type_is_small_enough_to_return() {
        assert!(size_of::<dataflow_core::Error>() <= 16);
    }
}
