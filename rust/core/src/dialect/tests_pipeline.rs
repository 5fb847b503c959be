//! Golden pipelines: every stage in each dialect, in a file; the test prints the new text where it differs.

use std::fmt::Write as _;
use std::sync::Arc;

use super::Statement;
use super::tests::dialects;
use crate::error::{ErrorKind, Result};
use crate::pipeline::{self, MAX_STAGES, Pipeline};
use crate::plan::{Plan, Scope, ScopedPlan, TenantId};
use crate::schema::tests::product;
use crate::schema::{ColumnSchema, Models, Role, TableSchema};
use crate::types::{FloatRules, LogicalType, parse_json};
use crate::value::Raw;

const FLOATS: FloatRules = FloatRules { nan: false, infinity: false };
const GOLDEN: &str = include_str!("pipelines.golden");
const PIPELINES: &str = r#"
[]
[{"$match":{"qty":{"$gt":1}}},{"$match":{"name":"a"}}]
[{"$sort":{"price":-1,"name":1}}]
[{"$limit":5},{"$skip":2}]
[{"$skip":2},{"$sort":{"qty":1}}]
[{"$count":"n"}]
[{"$project":{"name":1,"twice":{"$multiply":["$qty",2]}}}]
[{"$project":{"name":0}}]
[{"$unset":["name","made"]},{"$sort":{"price":1}},{"$unset":"price"}]
[{"$replaceRoot":{"newRoot":{"sku":"$name","twice":{"$multiply":["$qty",2]}}}},{"$sort":{"twice":-1}}]
[{"$group":{"_id":"$name","n":{"$sum":1}}},{"$replaceWith":{"n":"$n","of":{"$concat":["$_id","!"]}}}]
[{"$set":{"qty":{"$ifNull":["$qty",0]}}},{"$match":{"qty":0}}]
[{"$group":{"_id":null,"n":{"$count":{}}}}]
[{"$match":{"qty":1}},{"$group":{"_id":"$name","sum":{"$sum":"$price"},"avg":{"$avg":"$price"}}}]
[{"$group":{"_id":{"a":"$name","b":"$qty"},"low":{"$min":"$price"},"high":{"$max":"$made"},"mean":{"$avg":"$qty"}}}]
[{"$group":{"_id":"$name","n":{"$sum":1}}},{"$match":{"n":{"$gt":1}}},{"$sort":{"n":-1}},{"$limit":3}]
[{"$sort":{"price":-1}},{"$group":{"_id":"$name","first":{"$first":"$id"},"last":{"$last":"$qty"}}}]
[{"$sort":{"price":-1}},{"$group":{"_id":"$name","all":{"$push":"$price"},"set":{"$addToSet":"$qty"}}}]
[{"$match":{"qty":1}},{"$group":{"_id":null,"set":{"$addToSet":{"$concat":["$name","!"]}}}},{"$unwind":"$set"}]
[{"$group":{"_id":{"$dateTrunc":{"date":"$made","unit":"month"}},"mean":{"$avg":{"$multiply":["$price","$qty"]}}}}]
[{"$sortByCount":"$name"}]
[{"$setWindowFields":{"output":{"all":{"$sum":"$price"},"n":{"$count":{}}}}}]
[{"$match":{"qty":1}},{"$setWindowFields":{"partitionBy":"$name","sortBy":{"price":-1},"output":{"a":{"$rank":{}},"b":{"$denseRank":{}},"c":{"$documentNumber":{}},"qty":{"$shift":{"output":"$qty","by":-1}},"e":{"$shift":{"output":"$qty","by":2}}}}},{"$match":{"a":1}}]
[{"$setWindowFields":{"partitionBy":{"$year":"$made"},"sortBy":{"made":1},"output":{"sum":{"$sum":"$price","window":{"documents":["unbounded","current"]}},"avg":{"$avg":{"$multiply":["$price",2]},"window":{"documents":[-2,0]}},"low":{"$min":"$qty","window":{"documents":[1,3]}},"high":{"$max":"$made","window":{"documents":["current","unbounded"]}},"first":{"$first":"$name"},"last":{"$last":"$name","window":{"documents":[-3,-1]}}}}},{"$limit":3}]
[{"$bucket":{"groupBy":"$qty","boundaries":[0,10,20],"default":null,"output":{"n":{"$count":{}},"top":{"$max":"$price"}}}}]
[{"$bucket":{"groupBy":{"$multiply":["$price","$qty"]},"boundaries":[0,9.5],"default":-1}}]
[{"$group":{"_id":"$name","a":{"$stdDevPop":"$qty"},"b":{"$stdDevSamp":"$price"}}}]
[{"$match":{"qty":1}},{"$sample":{"size":3}}]
[{"$sort":{"qty":1}},{"$limit":9},{"$sample":{"size":3}},{"$group":{"_id":"$name","n":{"$sum":1}}},{"$sample":{"size":1}}]
[{"$unwind":"$tags"}]
[{"$sort":{"qty":-1}},{"$limit":9},{"$unwind":{"path":"$tags","includeArrayIndex":"at","preserveNullAndEmptyArrays":true}},{"$match":{"tags":"a"}}]
[{"$match":{"qty":1}},{"$unwind":"$tags"},{"$group":{"_id":"$tags","n":{"$sum":1}}}]
[{"$sort":{"qty":-1}},{"$limit":9},{"$group":{"_id":"$qty","n":{"$sum":"$id"}}}]
[{"$group":{"_id":"$name","n":{"$count":{}}}},{"$group":{"_id":"$n","names":{"$count":{}}}},{"$count":"kinds"}]
[{"$project":{"a":{"$add":["$qty",1,2]},"b":{"$subtract":["$price",0.5]},"c":{"$divide":["$qty",2]},"d":{"$mod":["$qty",3]}}}]
[{"$project":{"a":{"$abs":"$qty"},"b":{"$ceil":"$price"},"c":{"$floor":"$price"},"d":{"$multiply":["$price","$qty"]}}}]
[{"$project":{"a":{"$concat":["$name","-","$name"]},"b":{"$substrCP":["$name",1,2]},"c":{"$strLenCP":"$name"}}}]
[{"$project":{"a":{"$toUpper":"$name"},"b":{"$toLower":["$name"]}}}]
[{"$project":{"a":{"$trim":{"input":"$name"}},"b":{"$ltrim":{"input":"$name"}},"c":{"$trunc":["$price",1]},"d":{"$trunc":{"$divide":["$qty",2]}}}}]
[{"$unset":["name"]},{"$match":{"qty":1}},{"$project":{"n":{"$size":"$tags"}}}]
[{"$project":{"a":{"$year":"$made"},"b":{"$dayOfMonth":"$made"},"c":{"$second":"$made"},"d":{"$hour":"$made"}}}]
[{"$project":{"a":{"$cond":[{"$gt":["$qty",1]},"$name",null]},"b":{"$in":["$name",["a","b"]]}}}]
[{"$project":{"a":{"$switch":{"branches":[{"case":{"$and":[{"$ne":["$qty",null]},{"$not":{"$lte":["$qty",3]}}]},"then":1}]}}}}]
"#;

fn parse(table: &TableSchema, text: &str) -> Result<Pipeline> {
    pipeline::parse(table, &Models::default(), parse_json(text).unwrap(), FLOATS)
}

fn statement(dialect: &dyn super::Dialect, multi_tenant: bool, text: &str) -> Statement {
    let mut table = product(multi_tenant);
    if text.contains("$tags") {
        let ty = LogicalType::List { item: Box::new(LogicalType::Text { max_length: None }) };
        table.columns.push(ColumnSchema {
            name: "tags".to_owned(),
            ty,
            nullable: true,
            default: None,
            role: Role::Field,
        });
    }
    let pipeline = parse(&table, text).unwrap();
    let plan = Plan::Aggregate { table: Arc::new(table), pipeline, include_deleted: false };
    let scope = Scope { tenant: multi_tenant.then(|| TenantId::new("acme").unwrap()), labels: None };
    Statement::query(dialect, &ScopedPlan::new(plan, &scope).unwrap()).unwrap()
}

#[test]
fn every_stage_has_its_statement_in_each_dialect() {
    let mut found = String::new();
    for text in PIPELINES.lines().filter(|line| !line.is_empty()) {
        let _ = writeln!(found, "{text}");
        for dialect in dialects() {
            let statement = statement(dialect.as_ref(), false, text);
            let params: Vec<_> = statement.params.iter().map(|param| &param.value).collect();
            let _ = writeln!(found, "    {}: {}\n        {params:?}", dialect.name(), statement.sql);
        }
    }
    assert!(found == GOLDEN, "pipelines.golden is no longer what is written, which is:\n{found}");
}

#[test]
fn a_statement_has_a_place_for_each_parameter() {
    for text in PIPELINES.lines().filter(|line| !line.is_empty()) {
        let [postgres, mysql, _] = dialects().map(|dialect| statement(dialect.as_ref(), true, text));
        assert_eq!(mysql.sql.matches('?').count(), mysql.params.len(), "{}", mysql.sql);
        assert!(postgres.sql.contains(&format!("${}", postgres.params.len())), "{}", postgres.sql);
    }
}

#[test]
fn the_tenant_is_asked_for_once_and_comes_back_with_every_group() {
    for text in PIPELINES.lines().filter(|line| !line.is_empty()) {
        for dialect in dialects() {
            let statement = statement(dialect.as_ref(), true, text);
            let tenant = dialect.quote("tenant_id");
            assert_eq!(statement.sql.matches(&format!("WHERE {tenant} = ")).count(), 1, "{}", statement.sql);
            assert_eq!(
                statement.sql.matches("product` WHERE").count() + statement.sql.matches("product\" WHERE").count(),
                1
            );
            // The guard of an order reads no table.
            let guards = statement.sql.matches("UNION ALL SELECT 2").count();
            assert_eq!(
                statement.sql.matches("SELECT ").count() - 3 * guards,
                statement.sql.matches(&format!("SELECT {tenant}")).count()
            );
            let grouped = statement.sql.matches("GROUP BY ").count();
            assert_eq!(grouped, statement.sql.matches(&format!("GROUP BY {tenant}")).count(), "{}", statement.sql);
            assert!(!statement.sql.contains("HAVING"), "{}", statement.sql);
            assert_eq!(statement.returns[0].name, "tenant_id");
            assert_eq!(statement.tenant.as_ref().map(TenantId::as_str), Some("acme"));
        }
    }
}

#[test]
fn no_name_of_the_callers_is_in_the_text() {
    let names = ["x\"; DROP TABLE product; --", "a`b", "r0_1", "RÖ", "select", "tenant_id"];
    for name in names {
        let quoted = name.replace('"', "\\\"");
        let text = format!(
            "[{{\"$group\":{{\"_id\":{{\"{quoted}\":\"$name\"}},\"n\":{{\"$sum\":1}}}}}},\
             {{\"$match\":{{\"{quoted}\":\"canary\"}}}},{{\"$sort\":{{\"{quoted}\":-1}}}}]"
        );
        for dialect in dialects() {
            let statement = statement(dialect.as_ref(), false, &text);
            let plain = statement.sql.replace("r0_1", "");
            assert!(!plain.contains(name) || name == "r0_1", "{}", statement.sql);
            assert!(!statement.sql.contains("canary"), "{}", statement.sql);
            assert_eq!(statement.returns[0].name, name);
        }
    }
}

#[test]
fn our_names_are_none_of_the_tables() {
    let mut table = product(false);
    table.columns[1].name = "R0_0".to_owned();
    let pipeline = parse(&table, r#"[{"$set":{"x":{"$add":["$qty",1]}}},{"$match":{"x":1}}]"#).unwrap();
    let plan = Plan::Aggregate { table: Arc::new(table), pipeline, include_deleted: false };
    let scoped = ScopedPlan::new(plan, &Scope::default()).unwrap();
    for dialect in dialects() {
        let statement = Statement::query(dialect.as_ref(), &scoped).unwrap();
        assert!(statement.sql.contains(&dialect.quote("r_0_10")), "{}", statement.sql);
    }
}

fn refused(text: &str) -> (ErrorKind, String) {
    let error = parse(&product(false), text).unwrap_err();
    (error.kind(), error.detail().path.clone().unwrap_or_default())
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (text, kind, path) in [
        (r#"{"$match":{}}"#, ErrorKind::InvalidPipeline, "pipeline"),
        (r#"[{}]"#, ErrorKind::InvalidPipeline, "pipeline[0]"),
        (r#"[{"$grup":{}}]"#, ErrorKind::UnknownOperator, "pipeline[0].$grup"),
        (r#"[{"$facet":{}}]"#, ErrorKind::NotBuilt, "pipeline[0].$facet"),
        (r#"[{"$lookup":{}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$lookup"),
        (r#"[{"$match":{"nmae":1}}]"#, ErrorKind::UnknownField, "pipeline[0].$match.nmae"),
        (r#"[{"$match":{}},{"$limit":0}]"#, ErrorKind::InvalidPipeline, "pipeline[1].$limit"),
        (r#"[{"$bucket":{"groupBy":"$qty","boundaries":[1,2]}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$bucket"),
        (
            r#"[{"$bucket":{"groupBy":"$qty","boundaries":[1],"default":null}}]"#,
            ErrorKind::InvalidPipeline,
            "pipeline[0].$bucket.boundaries",
        ),
        (
            r#"[{"$bucket":{"groupBy":"$qty","boundaries":[1,3,3],"default":null}}]"#,
            ErrorKind::InvalidPipeline,
            "pipeline[0].$bucket.boundaries[2]",
        ),
        (
            r#"[{"$bucket":{"groupBy":"$qty","boundaries":[1,"a"],"default":null}}]"#,
            ErrorKind::WrongType,
            "pipeline[0].$bucket.boundaries[1]",
        ),
        (
            r#"[{"$bucket":{"groupBy":"$qty","boundaries":[1,3],"default":"other"}}]"#,
            ErrorKind::WrongType,
            "pipeline[0].$bucket.default",
        ),
        (
            r#"[{"$bucket":{"groupBy":"$qty","boundaries":[1,3],"default":2}}]"#,
            ErrorKind::InvalidPipeline,
            "pipeline[0].$bucket.default",
        ),
        (
            r#"[{"$bucket":{"groupBy":"$qty","boundaries":[1,3],"default":3,"output":{"_id":{"$sum":1}}}}]"#,
            ErrorKind::InvalidPipeline,
            "pipeline[0].$bucket.output._id",
        ),
        (
            r#"[{"$bucket":{"groupby":"$qty","boundaries":[1,3],"default":3}}]"#,
            ErrorKind::UnknownOperator,
            "pipeline[0].$bucket.groupby",
        ),
        (r#"[{"$replaceRoot":{"a":"$qty"}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$replaceRoot"),
        (r#"[{"$replaceRoot":{"newRoot":{}}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$replaceRoot.newRoot"),
        (r#"[{"$replaceRoot":{"newRoot":"$qty"}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$replaceRoot.newRoot"),
        (r#"[{"$replaceRoot":{"newRoot":"$qyt"}}]"#, ErrorKind::UnknownField, "pipeline[0].$replaceRoot.newRoot"),
        (r#"[{"$replaceWith":"$$ROOT"}]"#, ErrorKind::NotBuilt, "pipeline[0].$replaceWith"),
        (r#"[{"$replaceWith":1}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$replaceWith"),
        (
            r#"[{"$replaceWith":{"$mergeObjects":[]}}]"#,
            ErrorKind::InvalidPipeline,
            "pipeline[0].$replaceWith.$mergeObjects",
        ),
        (r#"[{"$replaceWith":{"a":{"b":"$qty"}}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$replaceWith.a"),
        (
            r#"[{"$setWindowFields":{"sortBy":{"qty":1}}}]"#,
            ErrorKind::InvalidPipeline,
            "pipeline[0].$setWindowFields.output",
        ),
        (
            r#"[{"$setWindowFields":{"partition":"$qty"}}]"#,
            ErrorKind::UnknownOperator,
            "pipeline[0].$setWindowFields.partition",
        ),
        (
            r#"[{"$setWindowFields":{"output":{"n":{"$rank":{}}}}}]"#,
            ErrorKind::InvalidPipeline,
            "pipeline[0].$setWindowFields.output.n.$rank",
        ),
        (
            r#"[{"$setWindowFields":{"output":{"n":{"$push":"$qty"}}}}]"#,
            ErrorKind::NotBuilt,
            "pipeline[0].$setWindowFields.output.n",
        ),
        (
            r#"[{"$setWindowFields":{"sortBy":{"qty":1},"output":{"n":{"$rank":{},"window":{"documents":[0,0]}}}}}]"#,
            ErrorKind::InvalidPipeline,
            "pipeline[0].$setWindowFields.output.n.window",
        ),
        (
            r#"[{"$setWindowFields":{"sortBy":{"qty":1},"output":{"n":{"$sum":1,"window":{"range":[0,0]}}}}}]"#,
            ErrorKind::NotBuilt,
            "pipeline[0].$setWindowFields.output.n.window",
        ),
        (
            r#"[{"$setWindowFields":{"sortBy":{"qty":1},"output":{"n":{"$sum":1,"window":{"documents":[1,"current"]}}}}}]"#,
            ErrorKind::InvalidPipeline,
            "pipeline[0].$setWindowFields.output.n.window.documents",
        ),
        (
            r#"[{"$setWindowFields":{"sortBy":{"qty":1},"output":{"n":{"$sum":1,"window":{"documents":[0,1000001]}}}}}]"#,
            ErrorKind::LimitExceeded,
            "pipeline[0].$setWindowFields.output.n.window.documents[1]",
        ),
        (
            r#"[{"$setWindowFields":{"sortBy":{"qty":1},"output":{"n":{"$avg":0.5,"window":{"documents":[-1,0]}}}}}]"#,
            ErrorKind::InvalidPipeline,
            "pipeline[0].$setWindowFields.output.n.window",
        ),
        (
            r#"[{"$setWindowFields":{"sortBy":{"qty":1},"output":{"n":{"$shift":{"output":"$qty","by":1,"default":0}}}}}]"#,
            ErrorKind::NotBuilt,
            "pipeline[0].$setWindowFields.output.n.$shift.default",
        ),
        (r#"[{"$project":{"a":{"$size":"$qty"}}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$project.a.$size"),
        (r#"[{"$project":{"a":{"$trim":"$name"}}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$project.a.$trim"),
        (
            r#"[{"$project":{"a":{"$trim":{"input":"$name","chars":"x"}}}}]"#,
            ErrorKind::NotBuilt,
            "pipeline[0].$project.a.$trim.chars",
        ),
        (
            r#"[{"$project":{"a":{"$trunc":["$price",-1]}}}]"#,
            ErrorKind::InvalidPipeline,
            "pipeline[0].$project.a.$trunc[1]",
        ),
        (r#"[{"$project":{"a":{"$trunc":"$name"}}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$project.a.$trunc"),
        (r#"[{"$sample":3}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$sample"),
        (r#"[{"$sample":{"size":0}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$sample.size"),
        (
            r#"[{"$group":{"_id":null,"n":{"$stdDevPop":"$name"}}}]"#,
            ErrorKind::InvalidPipeline,
            "pipeline[0].$group.n.$stdDevPop",
        ),
        (r#"[{"$unwind":"$name"}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$unwind"),
        (r#"[{"$unwind":{"path":"name"}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$unwind.path"),
        (r#"[{"$unwind":{"path":"$nmae"}}]"#, ErrorKind::UnknownField, "pipeline[0].$unwind.path"),
        (r#"[{"$unwind":{"pth":"$name"}}]"#, ErrorKind::UnknownOperator, "pipeline[0].$unwind.pth"),
        (r#"[{"$skip":-1}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$skip"),
        (r#"[{"$sort":{"name":2}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$sort.name"),
        (r#"[{"$group":{"n":{"$sum":1}}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$group"),
        (r#"[{"$group":{"_id":1}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$group._id"),
        (r#"[{"$group":{"_id":null,"n":{"$sun":1}}}]"#, ErrorKind::UnknownOperator, "pipeline[0].$group.n"),
        (r#"[{"$group":{"_id":null,"n":{"$median":1}}}]"#, ErrorKind::NotBuilt, "pipeline[0].$group.n"),
        (r#"[{"$group":{"_id":null,"n":{"$push":"$id"}}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$group.n"),
        (
            r#"[{"$group":{"_id":null,"n":{"$addToSet":{"$divide":["$qty",2]}}}}]"#,
            ErrorKind::InvalidPipeline,
            "pipeline[0].$group.n.$addToSet",
        ),
        (r#"[{"$group":{"_id":null,"n":{"$sum":"$name"}}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$group.n.$sum"),
        (r#"[{"$group":{"_id":null,"n":{"$first":"$id"}}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$group.n"),
        (r#"[{"$group":{"_id":{"n":"$id"},"n":{"$sum":1}}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$group.n"),
        (r#"[{"$project":{"name":1,"qty":0}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$project.qty"),
        (r#"[{"$project":{"a.b":"$name"}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$project.a.b"),
        (r#"[{"$project":{"a":"$$ROOT"}}]"#, ErrorKind::NotBuilt, "pipeline[0].$project.a"),
        (r#"[{"$project":{"a":{"$where":"1"}}}]"#, ErrorKind::UnknownOperator, "pipeline[0].$project.a.$where"),
        (r#"[{"$project":{"a":{"$year":"$name"}}}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$project.a.$year"),
        (r#"[{"$project":{"a":{"$add":["$qty","x"]}}}]"#, ErrorKind::WrongType, "pipeline[0].$project.a.$add[1]"),
        (r#"[{"$project":{"a":{"$eq":["$qty",1.5]}}}]"#, ErrorKind::WrongType, "pipeline[0].$project.a.$eq[1]"),
        (r#"[{"$unset":["id","name","price","qty","made"]}]"#, ErrorKind::InvalidPipeline, "pipeline[0].$unset"),
        (r#"[{"$count":"n"},{"$match":{"qty":1}}]"#, ErrorKind::UnknownField, "pipeline[1].$match.qty"),
        (r#"[{"$count":"a\u0000b"}]"#, ErrorKind::NulCharacter, "pipeline[0].$count"),
    ] {
        assert_eq!(refused(text), (kind, path.to_owned()), "{text}");
    }
}

#[test]
fn a_deep_or_long_pipeline_is_refused() {
    let deep = (0..20).fold("\"$qty\"".to_owned(), |inner, _| format!("{{\"$abs\":{inner}}}"));
    assert_eq!(refused(&format!("[{{\"$project\":{{\"a\":{deep}}}}}]")).0, ErrorKind::LimitExceeded);
    let long = vec!["{\"$limit\":1}"; MAX_STAGES + 1].join(",");
    assert_eq!(refused(&format!("[{long}]")).0, ErrorKind::LimitExceeded);
    let wide = vec!["\"$name\""; 1_001].join(",");
    assert_eq!(refused(&format!("[{{\"$project\":{{\"a\":{{\"$concat\":[{wide}]}}}}}}]")).0, ErrorKind::LimitExceeded);
    let mut deeper = Raw::Null;
    for _ in 0..100_000 {
        deeper = Raw::List(vec![deeper]);
    }
    let error = pipeline::parse(&product(false), &Models::default(), deeper, FLOATS).unwrap_err();
    assert_eq!((error.kind(), error.detail().path.as_deref()), (ErrorKind::LimitExceeded, Some("pipeline")));
}
