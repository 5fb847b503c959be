//! Rows of a read, some at a time: no more of them are in memory than a chunk holds.
//!
//! A cursor of the server has the rows on PostgreSQL, where each chunk is an exchange of its own. MariaDB and SQLite send
//! them in one exchange, which waits for the reader; a transaction of the caller goes on meanwhile, and so its chunks are
//! reads that begin where the one before ended, as pages do.

use std::sync::Arc;

use arrow_array::{RecordBatch, UInt64Array};
use arrow_schema::{Schema, SchemaRef};
use arrow_select::take::take_record_batch;
use dataflow_core::dialect::{Dialect, Statement};
use dataflow_core::filter::Filter;
use dataflow_core::plan::{Plan, ReadPlan, ScopedPlan, Seek, TenantId};
use dataflow_core::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::database::{Database, Table};
use crate::driver::Access;
use crate::execute::{Begin, Label, control, fetch, run};
use crate::fetch::{FIRST_ROWS, Outlet, next_rows, prove_tenant};
use crate::page::{place, project, with_order};
use crate::session::{Effect, Limits};
use crate::transaction::Transaction;

/// What a stream reads, and in whose name: who opened it decides, whoever reads on.
#[derive(Clone)]
pub struct StreamPlan {
    pub database: Arc<Database>,
    pub table: Arc<Table>,
    pub plan: ReadPlan,
    pub context: Context,
}

enum State {
    New,
    Open(Box<Open>),
    /// Every row was given.
    Exhausted,
    /// It was closed or has failed while there may have been more rows.
    Closed,
}

pub struct Stream {
    read: StreamPlan,
    state: State,
}

struct Open {
    source: Source,
    /// Begun by the stream, and ended with it.
    own: Option<Arc<Transaction>>,
    chunk_rows: usize,
}

enum Source {
    Cursor(Box<Cursor>),
    /// One exchange, under way.
    Flow(Flow),
    Seek {
        /// The place behind the last row; None before the first.
        from: Option<Seek>,
        /// Its number in the transaction of the caller.
        number: Option<u32>,
    },
}

/// A cursor of the server, and the query that it is over.
struct Cursor {
    name: String,
    /// In its transaction.
    number: u32,
    query: Statement,
    label: Label,
}

/// An exchange that runs by itself, and the rows it has brought so far.
struct Flow {
    chunks: mpsc::Receiver<RecordBatch>,
    /// Ends it early.
    cancel: CancellationToken,
    /// Gives the last rows. None once it has ended.
    exchange: Option<JoinHandle<Result<RecordBatch>>>,
    tenant: Option<TenantId>,
    /// The last row so far.
    last: Option<RecordBatch>,
}

impl Flow {
    async fn next(&mut self, limits: &Limits) -> Result<RecordBatch> {
        let rows = tokio::select! {
            biased;
            why = limits.reached() => return Err(why),
            rows = self.chunks.recv() => rows,
        };
        let rows = match (rows, self.exchange.take()) {
            (Some(rows), running) => {
                self.exchange = running;
                rows
            }
            (None, Some(exchange)) => {
                let last = exchange.await.map_err(|error| Error::internal(error.to_string()))?;
                last?
            }
            (None, None) => return Ok(RecordBatch::new_empty(Arc::new(Schema::empty()))),
        };
        prove_tenant(rows, self.tenant.as_ref())
    }

    /// Its connection is settled or closed when this returns.
    async fn close(mut self) {
        self.chunks.close();
        self.cancel.cancel();
        if let Some(exchange) = self.exchange.take() {
            // What it says of its end is of no interest: somebody wanted it.
            drop(exchange.await);
        }
    }
}

/// A stream that is forgotten is closed too.
impl Drop for Flow {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Stream {
    pub fn new(read: StreamPlan) -> Self {
        Stream { read, state: State::New }
    }

    /// The columns of every chunk.
    pub fn schema(read: &ReadPlan) -> SchemaRef {
        let all = (0..read.table.columns.len()).collect();
        Arc::new(read.table.arrow(read.columns.as_ref().unwrap_or(&all)))
    }

    /// The next rows; None at the end.
    ///
    /// # Errors
    /// `TransactionState` once it was closed or has failed: an early end is never taken for the end of the rows.
    pub async fn next(&mut self, context: Context) -> Result<Option<RecordBatch>> {
        let chunk = self.chunk(&context).await;
        let closed = match &chunk {
            Ok(Some(_)) => Ok(()),
            Ok(None) => self.end(State::Exhausted, context).await,
            Err(_) => self.end(State::Closed, context).await.or(Ok(())),
        };
        closed.and(chunk).map_err(Error::without_outcome)
    }

    async fn chunk(&mut self, context: &Context) -> Result<Option<RecordBatch>> {
        if matches!(self.state, State::New | State::Open(_)) {
            self.read.database.check_open()?;
        }
        if let State::New = self.state {
            let open = self.read.open(context).await?;
            self.state = State::Open(Box::new(open));
        }
        let open = match &mut self.state {
            State::Open(open) => open,
            State::New | State::Exhausted => return Ok(None),
            State::Closed => return Err(closed_early()),
        };
        let rows = open.read(&self.read, context).await?;
        if rows.num_rows() == 0 {
            return Ok(None);
        }
        open.chunk_rows = next_rows(open.chunk_rows, &rows);
        project(&rows, &self.read.plan).map(Some)
    }

    /// Ends what the stream has opened; a stream that is dropped instead closes its connection.
    pub async fn close(&mut self, context: Context) -> Result<()> {
        let exhausted = matches!(self.state, State::Exhausted);
        self.end(if exhausted { State::Exhausted } else { State::Closed }, context).await
    }

    async fn end(&mut self, state: State, context: Context) -> Result<()> {
        let State::Open(open) = std::mem::replace(&mut self.state, state) else { return Ok(()) };
        match (open.own, open.source, &context.transaction) {
            (Some(own), ..) => own.rollback(context.cancel).await,
            (None, Source::Flow(flow), _) => {
                flow.close().await;
                Ok(())
            }
            (None, Source::Cursor(cursor), Some(transaction)) => {
                let limits = context.limits();
                // One that was ended or has failed has closed it already.
                let Ok(mut held) = transaction.hold(&limits).await else { return Ok(()) };
                if !held.remove_stream(cursor.number) {
                    return Ok(());
                }
                let close = Statement::unscoped(format!("CLOSE {}", cursor.name), "a cursor of a stream");
                let closed = control(held.session()?, &close, Effect::Nothing, &limits).await;
                if closed.is_err() {
                    held.abort();
                }
                closed
            }
            (None, Source::Seek { number: Some(number), .. }, Some(transaction)) => {
                if let Ok(mut held) = transaction.hold(&context.limits()).await {
                    held.remove_stream(number);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl StreamPlan {
    async fn open(&self, context: &Context) -> Result<Open> {
        let limits = context.limits();
        let dialect = self.database.dialect(&limits, context.labels.as_ref()).await?;
        let related = self.plan.selection.filter().map(Filter::related).unwrap_or_default();
        self.database.make_related_ready(&self.table, related, context).await?;
        let (source, own) = match &context.transaction {
            Some(transaction) if dialect.has_cursors() => {
                (self.declare(dialect.as_ref(), transaction, false, context).await?, None)
            }
            Some(transaction) => {
                let number = transaction.hold(&limits).await?.add_stream();
                (Source::Seek { from: None, number: Some(number) }, None)
            }
            // In memory its readers would shut out its writers for as long.
            None if self.database.is_of_this_process() => (Source::Seek { from: None, number: None }, None),
            None if dialect.has_cursors() => {
                let begin = Begin { read_only: true, ..Begin::default() };
                let labels = context.labels.clone();
                let own = Transaction::begin(&self.database, begin, context.cancel.clone(), labels).await?;
                (self.declare(dialect.as_ref(), &own, true, context).await?, Some(own))
            }
            None => (self.flow(dialect, context).await?, None),
        };
        Ok(Open { source, own, chunk_rows: FIRST_ROWS })
    }

    async fn flow(&self, dialect: Arc<dyn Dialect>, context: &Context) -> Result<Source> {
        let plan = ReadPlan {
            columns: self.plan.columns.as_ref().map(|columns| with_order(columns, &self.plan.order)),
            ..self.plan.clone()
        };
        let scoped = ScopedPlan::new(Plan::Read(plan.clone()), &context.scope())?;
        let statement = Statement::query(dialect.as_ref(), &scoped)?;
        let (tenant, label) = (statement.tenant.clone(), Label::new(&scoped, self.database.events()));
        let mut session = self.database.session(Access::Read, &context.limits(), context.labels.as_ref()).await?;
        let (sender, chunks) = mpsc::channel(1);
        // Not that of the operation which asks for the first chunk: it ends before the stream does.
        let cancel = CancellationToken::new();
        let limits = Limits { cancel: cancel.clone(), deadline: None };
        let exchange = tokio::spawn(async move {
            let outlet = Outlet(sender);
            Ok(fetch(&mut session, &statement, &outlet, &limits, &label).await?.rows)
        });
        Ok(Source::Flow(Flow { chunks, cancel, exchange: Some(exchange), tenant, last: None }))
    }

    async fn declare(
        &self,
        dialect: &dyn Dialect,
        transaction: &Transaction,
        own: bool,
        context: &Context,
    ) -> Result<Source> {
        let scoped = ScopedPlan::new(Plan::Read(self.plan.clone()), &context.scope())?;
        let query = Statement::query(dialect, &scoped)?;
        // Named by its query: a FETCH that is kept prepared then always has the same columns.
        let digest = Sha256::digest(query.sql.as_bytes());
        let digest: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let label = Label::new(&scoped, self.database.events());
        let limits = context.bounded(transaction.limits(context.cancel.clone()));
        let mut held = transaction.hold(&limits).await?;
        let number = held.add_stream();
        let name = dialect.quote(&format!("dataflow_{digest}_{number}"));
        if own {
            // All rows will be read, not only the first.
            let whole = Statement::unscoped("SET LOCAL cursor_tuple_fraction = 1", "a cursor of a stream");
            control(held.session()?, &whole, Effect::Nothing, &limits).await?;
        }
        let declared = run(held.session()?, &query.declare(&name), Effect::Nothing, &limits, &label).await;
        if declared.is_err() {
            held.abort();
        }
        declared?;
        Ok(Source::Cursor(Box::new(Cursor { name, number, query, label })))
    }
}

impl Open {
    async fn read(&mut self, read: &StreamPlan, context: &Context) -> Result<RecordBatch> {
        let transaction = self.own.as_ref().or(context.transaction.as_ref());
        match &mut self.source {
            Source::Cursor(cursor) => {
                let Cursor { name, number, query, label } = cursor.as_ref();
                let transaction = transaction.ok_or_else(|| Error::internal("a cursor outside a transaction"))?;
                let limits = context.bounded(transaction.limits(context.cancel.clone()));
                let mut held = transaction.hold(&limits).await?;
                held.check_stream(*number)?;
                let fetch = query.fetch(name, self.chunk_rows as u64);
                let reply = run(held.session()?, &fetch, Effect::Nothing, &limits, label).await;
                if reply.is_err() {
                    held.abort();
                }
                prove_tenant(reply?.rows, query.tenant.as_ref())
            }
            Source::Flow(flow) => {
                let rows = flow.next(&context.limits()).await?;
                if let Some(order) = read.database.sorted_by(&read.plan.table, &read.plan.order, context).await? {
                    order.prove(flow.last.as_ref(), &rows)?;
                    flow.last = last_row(&rows)?;
                }
                Ok(rows)
            }
            Source::Seek { from, number } => {
                if let (Some(transaction), Some(number)) = (transaction, number) {
                    transaction.hold(&transaction.limits(context.cancel.clone())).await?.check_stream(*number)?;
                }
                let plan = ReadPlan {
                    columns: read.plan.columns.as_ref().map(|columns| with_order(columns, &read.plan.order)),
                    seek: from.clone(),
                    limit: Some(self.chunk_rows as u64 + 1),
                    ..read.plan.clone()
                };
                let context = Context { transaction: transaction.cloned(), ..context.clone() };
                let rows = read.database.read_beyond(&read.table, plan, &context).await?;
                let rows = rows.slice(0, rows.num_rows().min(self.chunk_rows));
                if let Some(last) = rows.num_rows().checked_sub(1) {
                    *from = Some(place(&read.plan.table, &read.plan.order, &rows, last)?);
                }
                Ok(rows)
            }
        }
    }
}

/// A copy: a slice would keep all rows in memory.
fn last_row(rows: &RecordBatch) -> Result<Option<RecordBatch>> {
    let Some(last) = rows.num_rows().checked_sub(1) else { return Ok(None) };
    let row = take_record_batch(rows, &UInt64Array::from_value(last as u64, 1));
    row.map(Some).map_err(|error| Error::internal(error.to_string()))
}

/// The stream has a reader.
pub fn taken() -> Error {
    Error::new(ErrorKind::TransactionState, "this stream has a reader already").hint("make a stream for each reader")
}

fn closed_early() -> Error {
    Error::new(ErrorKind::TransactionState, "this stream was closed before its end")
        .hint("what came before is not all there is: make a new stream and read it to its end")
}
