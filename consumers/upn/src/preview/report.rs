//! A forecast, for people or for scripts.

use std::io::{self, Write};

use serde_json::json;

use super::forecast::{Changed, Forecast};

/// Writes a line for each user who would be changed, and a summary.
pub(super) fn write(forecast: &Forecast, as_json: bool, out: &mut impl Write) -> io::Result<()> {
    for changed in &forecast.changed {
        writeln!(out, "{}", if as_json { row_for_scripts(changed) } else { row(changed) })?;
    }
    writeln!(out, "{}", if as_json { summary_for_scripts(forecast) } else { summary(forecast) })?;
    out.flush()
}

fn row(changed: &Changed) -> String {
    let Changed { id, current, new, taken, sets_display_name } = changed;
    let display_name = if *sets_display_name { "yes" } else { "no" };
    let taken = if taken.is_empty() { String::new() } else { format!("  (taken: {})", taken.join(", ")) };
    format!("{id}  {current} -> {new}  display name: {display_name}{taken}")
}

fn row_for_scripts(changed: &Changed) -> String {
    let Changed { id, current, new, taken, sets_display_name } = changed;
    let row = json!({
        "userId": id, "current": current, "new": new, "taken": taken, "setsDisplayName": sets_display_name,
    });
    row.to_string()
}

fn summary(forecast: &Forecast) -> String {
    let Count { users, changed, display_names, collisions, left_alone } = count(forecast);
    let why: Vec<_> = forecast.left_alone.iter().map(|(why, many)| format!("{many} {why}")).collect();
    let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join(", ")) };
    format!(
        "Of {users} users {changed} would change, {collisions} of them to a second choice since the first is taken; \
         {display_names} would get a display name. {left_alone} left alone{why}. Nothing was changed."
    )
}

fn summary_for_scripts(forecast: &Forecast) -> String {
    let Count { users, changed, display_names, collisions, .. } = count(forecast);
    let summary = json!({ "summary": {
        "users": users, "wouldChange": changed, "collisions": collisions, "displayNames": display_names,
        "leftAlone": forecast.left_alone,
    } });
    summary.to_string()
}

struct Count {
    users: usize,
    changed: usize,
    display_names: usize,
    collisions: usize,
    left_alone: usize,
}

fn count(forecast: &Forecast) -> Count {
    let changed = forecast.changed.len();
    let left_alone = forecast.left_alone.values().sum();
    Count {
        users: changed + left_alone,
        changed,
        display_names: forecast.changed.iter().filter(|changed| changed.sets_display_name).count(),
        collisions: forecast.changed.iter().filter(|changed| !changed.taken.is_empty()).count(),
        left_alone,
    }
}
