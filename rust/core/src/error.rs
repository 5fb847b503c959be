//! What can go wrong, in one list.
//!
//! A kind has a stable code, one Python class of the same name plus `Error`, and a family (the parent
//! class). Kind, cause and reaction are three things: what may be tried again is in [`crate::retry`].

use std::fmt;

use crate::reject::Reject;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $kind:ident = $code:literal in $family:ident),+ $(,)?) => {
        /// One kind of failure; `kind.code()` is the number users look up with `dataflow explain`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorKind { $($(#[doc = $doc])* $kind),+ }

        impl ErrorKind {
            /// Every kind in code order: the Python classes and the error page are compared with it.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$kind),+];

            pub const fn code(self) -> &'static str {
                match self { $(ErrorKind::$kind => concat!("DF-", $code)),+ }
            }

            pub const fn name(self) -> &'static str {
                match self { $(ErrorKind::$kind => stringify!($kind)),+ }
            }

            pub const fn family(self) -> Family {
                match self { $(ErrorKind::$kind => Family::$family),+ }
            }
        }
    };
}

/// The parent class of a kind in Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    Configuration,
    Workflow,
    Model,
    Data,
    Query,
    Tenant,
    Integrity,
    Conflict,
    Connection,
    Transaction,
    Runtime,
}

impl Family {
    pub const ALL: &'static [Family] = &[
        Family::Configuration,
        Family::Workflow,
        Family::Model,
        Family::Data,
        Family::Query,
        Family::Tenant,
        Family::Integrity,
        Family::Conflict,
        Family::Connection,
        Family::Transaction,
        Family::Runtime,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Family::Configuration => "Configuration",
            Family::Workflow => "Workflow",
            Family::Model => "Model",
            Family::Data => "Data",
            Family::Query => "Query",
            Family::Tenant => "Tenant",
            Family::Integrity => "Integrity",
            Family::Conflict => "Conflict",
            Family::Connection => "Connection",
            Family::Transaction => "Transaction",
            Family::Runtime => "Runtime",
        }
    }
}

kinds! {
    /// An option that does not exist.
    UnknownOption = "1001" in Configuration,
    /// An option or URL with a value that cannot be used.
    InvalidOption = "1002" in Configuration,
    /// A URL scheme that names no database we know.
    UnknownScheme = "1003" in Configuration,
    /// An environment variable `DATAFLOW_…` that means nothing.
    UnknownEnvironment = "1004" in Configuration,
    /// A known name whose capability is not built yet.
    NotBuilt = "1005" in Configuration,

    /// A kind of node, or a node of the workflow, that does not exist.
    UnknownNode = "1201" in Workflow,
    /// A node that is not well formed, or whose name is taken.
    InvalidNode = "1202" in Workflow,
    /// A node's model that two open `DataFlow` have.
    AmbiguousNode = "1203" in Workflow,
    /// A parameter that the node does not have.
    UnknownParameter = "1204" in Workflow,
    /// A parameter that the node needs and nobody gives.
    MissingParameter = "1205" in Workflow,
    /// A parameter with a value the node cannot use.
    InvalidParameter = "1206" in Workflow,
    /// A connection between things that cannot be connected.
    InvalidConnection = "1207" in Workflow,
    /// Nodes that wait for each other in a circle.
    WorkflowCycle = "1208" in Workflow,
    /// A node that no run can come to.
    UnreachableNode = "1209" in Workflow,
    /// A node failed, and the run ended with it.
    NodeExecution = "1210" in Workflow,
    /// A node ran longer than allowed.
    NodeTimeout = "1211" in Workflow,
    /// A workflow ran longer than allowed.
    WorkflowTimeout = "1212" in Workflow,
    /// A node returned something else than it declared.
    InvalidOutput = "1213" in Workflow,

    /// A model class that cannot become a table.
    InvalidModel = "2001" in Model,
    /// A name that is no model of this `DataFlow`.
    UnknownModel = "2002" in Model,
    /// The table in the database differs from the model.
    SchemaMismatch = "2003" in Model,
    /// The database was written by a newer DataFlow.
    NewerFormat = "2004" in Model,

    /// A field name the model does not have.
    UnknownField = "3001" in Data,
    /// A value of the wrong type for its field.
    WrongType = "3002" in Data,
    /// A required field without a value.
    MissingValue = "3003" in Data,
    /// None in a field that takes none.
    NullValue = "3004" in Data,
    /// A number outside what the column holds.
    OutOfRange = "3005" in Data,
    /// A Decimal with more digits than its column.
    TooManyDigits = "3006" in Data,
    /// A text or byte string longer than its column.
    DataTooLong = "3007" in Data,
    /// A naive datetime for an instant, or an aware one for a wall time.
    TimezoneMismatch = "3008" in Data,
    /// A NUL character in text.
    NulCharacter = "3009" in Data,
    /// NaN or infinity where the database cannot keep it.
    NotFinite = "3010" in Data,
    /// Data without any column.
    NoColumns = "3011" in Data,
    /// Data in a form no reader takes.
    UnsupportedData = "3012" in Data,
    /// A value that is none of the field's choices.
    NotAChoice = "3013" in Data,
    /// Two rows of the data with the same key.
    DuplicateRow = "3014" in Data,
    /// More rows refused than the caller allows.
    TooManyRejects = "3015" in Data,

    /// A filter, order or limit that is not well formed.
    InvalidFilter = "4001" in Query,
    /// An operator that does not exist.
    UnknownOperator = "4002" in Query,
    /// A query beyond a limit on depth, nodes or list length.
    LimitExceeded = "4003" in Query,
    /// No row has this key.
    NotFound = "4004" in Query,
    /// More than one row where one was meant.
    MultipleRows = "4005" in Query,
    /// A change of every row that was not asked for in so many words.
    UnfilteredWrite = "4006" in Query,
    /// A change of a model whose rows are never changed.
    AppendOnly = "4007" in Query,
    /// A field that the query left out.
    FieldNotLoaded = "4008" in Query,
    /// An update that is not well formed.
    InvalidUpdate = "4009" in Query,
    /// A cursor that does not belong to this list, or is none.
    InvalidCursor = "4010" in Query,
    /// A stage of a pipeline that is not well formed.
    InvalidPipeline = "4011" in Query,

    /// A multi-tenant model used without a tenant.
    MissingTenant = "5001" in Tenant,
    /// A row of another tenant was about to be returned.
    TenantLeak = "5002" in Tenant,
    /// A tenant value that cannot be one.
    InvalidTenant = "5003" in Tenant,

    UniqueViolation = "6001" in Integrity,
    ForeignKeyViolation = "6002" in Integrity,
    NotNullViolation = "6003" in Integrity,
    CheckViolation = "6004" in Integrity,
    /// A row found by a unique set that has another key than the one given.
    KeyMismatch = "6005" in Integrity,

    SerializationFailure = "6101" in Conflict,
    Deadlock = "6102" in Conflict,
    LockTimeout = "6103" in Conflict,
    StatementTimeout = "6104" in Conflict,
    /// A row that was changed since it was read.
    StaleRow = "6105" in Conflict,
    /// A load id that was used with other input.
    LoadMismatch = "6106" in Conflict,

    /// The server cannot be reached.
    ConnectionRefused = "7001" in Connection,
    /// The server refused user or password.
    AuthenticationFailed = "7002" in Connection,
    /// The connection broke; nothing of this operation was kept.
    ConnectionLost = "7003" in Connection,
    /// No connection came free in time.
    PoolTimeout = "7004" in Connection,
    /// The login lacks a right.
    PermissionDenied = "7005" in Connection,
    /// Any other answer of the database.
    DatabaseFailure = "7006" in Connection,

    /// The answer to a commit was lost: it may or may not have happened.
    CommitOutcomeUnknown = "8001" in Transaction,
    /// The transaction was ended by an earlier error or cancel.
    TransactionAborted = "8002" in Transaction,
    /// A transaction used in a way its state forbids.
    TransactionState = "8003" in Transaction,
    /// The server did not set the isolation level that was asked for.
    IsolationNotSet = "8004" in Transaction,

    /// The process was forked after the engine had started.
    Forked = "9001" in Runtime,
    /// The operation was cancelled.
    Cancelled = "9002" in Runtime,
    /// The `DataFlow` was closed.
    Closed = "9003" in Runtime,
    /// A fault of DataFlow itself.
    Internal = "9004" in Runtime,
}

/// How a write ended, as far as we know; told with a failure or a cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Committed,
    RolledBack,
    Unknown,
}

impl Outcome {
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Committed => "committed",
            Outcome::RolledBack => "rolled back",
            Outcome::Unknown => "unknown",
        }
    }
}

/// A failure with everything a person needs to mend it; it never carries a value or a secret.
#[derive(Clone, Debug)]
pub struct Error(Box<Detail>);

#[derive(Clone, Debug)]
pub struct Detail {
    pub kind: ErrorKind,
    pub message: String,
    /// Where in the call: `data[17].email`, `filter.price.$lt`.
    pub path: Option<String>,
    pub sqlstate: Option<String>,
    pub constraint: Option<String>,
    pub hint: Option<String>,
    pub outcome: Option<Outcome>,
    /// The rows that were refused before a write with many of them failed.
    pub rejects: Vec<Reject>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Detail {
            kind,
            message: message.into(),
            path: None,
            sqlstate: None,
            constraint: None,
            hint: None,
            outcome: None,
            rejects: Vec::new(),
        }))
    }

    /// A state that only a fault of ours can bring about.
    pub fn internal(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Internal, message)
            .hint("this is a fault in DataFlow: please report it with the traceback")
    }

    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    pub fn detail(&self) -> &Detail {
        &self.0
    }

    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.0.path = Some(path.into());
        self
    }

    /// Puts `prefix` before the path: `[3].name` becomes `data[3].name`.
    pub fn within(mut self, prefix: &str) -> Self {
        let path = match self.0.path.take() {
            Some(path) if path.starts_with('[') => format!("{prefix}{path}"),
            Some(path) => format!("{prefix}.{path}"),
            None => prefix.to_owned(),
        };
        self.0.path = Some(path);
        self
    }

    /// Gives the row a path begins with (`[3].name`) its number in other rows.
    pub fn renumbered(mut self, number: impl Fn(usize) -> usize) -> Self {
        if let Some((row, rest)) = self.row() {
            self.0.path = Some(format!("[{}]{rest}", number(row)));
        }
        self
    }

    /// As [`Self::within`], but only for a path that begins with a row.
    pub fn within_rows(self, prefix: &str) -> Self {
        if self.row().is_some() { self.within(prefix) } else { self }
    }

    /// The path without the row it begins with: that of a row given alone.
    pub fn without_row(mut self) -> Self {
        let path = self.0.path.take();
        let path = path.map(|path| path.strip_prefix("data").map_or(path.clone(), str::to_owned));
        self.0.path = path;
        if let Some((_, rest)) = self.row() {
            let field = rest.trim_start_matches('.');
            self.0.path = (!field.is_empty()).then(|| field.to_owned());
        }
        self
    }

    /// The row a path begins with, and what follows it.
    fn row(&self) -> Option<(usize, String)> {
        let (row, rest) = self.0.path.as_deref()?.strip_prefix('[')?.split_once(']')?;
        Some((row.parse().ok()?, rest.to_owned()))
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub fn sqlstate(mut self, sqlstate: impl Into<String>) -> Self {
        self.0.sqlstate = Some(sqlstate.into());
        self
    }

    pub fn constraint(mut self, constraint: Option<String>) -> Self {
        self.0.constraint = constraint;
        self
    }

    pub fn rejects(mut self, rejects: Vec<Reject>) -> Self {
        self.0.rejects = rejects;
        self
    }

    /// Nothing was to be written: there is no outcome to tell.
    pub fn without_outcome(mut self) -> Self {
        self.0.outcome = None;
        self
    }

    /// How the write ended, unless something closer to the database has said so already.
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.0.outcome.get_or_insert(outcome);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind.code(), self.0.message)
    }
}

impl std::error::Error for Error {}

/// The known name closest to `name`, if it is close enough to be a slip.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (edit_distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Damerau-Levenshtein distance (optimal string alignment), ASCII case ignored.
fn edit_distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_ascii_lowercase().chars().collect();
    let b: Vec<char> = b.to_ascii_lowercase().chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (above[j] + 1).min(row[j - 1] + 1).min(above[j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_ascending() {
        let codes: Vec<_> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(codes.iter().collect::<HashSet<_>>().len(), codes.len());
        assert!(codes.is_sorted());
    }

    #[test]
    fn a_slip_is_answered_with_the_name_meant() {
        let known = ["pool_size", "cache_ttl", "monitoring"];
        assert_eq!(did_you_mean("pool_sise", known), Some("pool_size"));
        assert_eq!(did_you_mean("pool_szie", known), Some("pool_size"));
        assert_eq!(did_you_mean("colour", known), None);
    }

    #[test]
    fn a_path_grows_from_the_inside_out() {
        let error = Error::new(ErrorKind::WrongType, "x").path("name").within("[3]").within("data");
        assert_eq!(error.detail().path.as_deref(), Some("data[3].name"));
    }
}
