//! Which columns of each level are read: only those that the caller, or a level behind, asks for.

use crate::pipeline::{Cell, Join, Level, Nested, Union};

/// What the last level uses decides what those before do. The recursion is as deep as lookups are in one another.
pub(super) fn use_needed(levels: &mut [Level]) {
    for at in (0..levels.len()).rev() {
        let (before, level) = levels.split_at_mut(at);
        let [level, ..] = level else { continue };
        let needed = level.needs();
        if let Some(union) = &mut level.union {
            use_united(before.last_mut(), union, &needed);
        }
        let mut needed = needed.into_iter();
        if let Some(before) = before.last_mut().filter(|_| level.union.is_none()) {
            before.outputs.iter_mut().zip(needed.by_ref()).for_each(|(output, needed)| output.used = needed);
        }
        if let Some(Join { lookup, .. }) = &mut level.join {
            let theirs = lookup.theirs;
            if let Some(last) = lookup.levels.last_mut() {
                last.outputs.iter_mut().zip(needed).for_each(|(output, needed)| output.used = needed);
                last.outputs[theirs].used = true;
            }
            use_needed(&mut lookup.levels);
        }
        for output in level.outputs.iter_mut().filter(|output| output.used) {
            if let Cell::Rows(nested) = &mut output.cell {
                use_nested(nested);
            }
        }
    }
}

fn use_united(before: Option<&mut Level>, union: &mut Union, needed: &[bool]) {
    union.columns.iter_mut().zip(needed).for_each(|(column, &needed)| column.used = needed);
    let used = || union.columns.iter().filter(|column| column.used);
    for (level, found) in [
        (before, used().filter_map(|column| column.ours).collect::<Vec<_>>()),
        (union.levels.last_mut(), used().filter_map(|column| column.theirs).collect()),
    ] {
        let outputs = level.into_iter().flat_map(|level| level.outputs.iter_mut().enumerate());
        outputs.for_each(|(at, output)| output.used = found.contains(&at));
    }
    use_needed(&mut union.levels);
}

/// All that a caller sees of the rows, and what they are found and ordered by.
fn use_nested(Nested { lookup, order, .. }: &mut Nested) {
    if let Some(last) = lookup.levels.last_mut() {
        let found: Vec<usize> = order.iter().map(|order| order.column).chain([lookup.theirs]).collect();
        let outputs = last.outputs.iter_mut().enumerate();
        outputs.for_each(|(at, output)| output.used = !output.hidden || found.contains(&at));
    }
    use_needed(&mut lookup.levels);
}
