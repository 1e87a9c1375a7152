//! One JSON object a line: what `tracing_subscriber` writes, and the trace that the line belongs to.

use std::fmt::{self, Debug};

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields, Layer,
        format::{DefaultFields, Format, Full, JsonFields, Writer},
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

use crate::context;

/// The longest value on a line, in bytes: a log is no place for documents.
const LONGEST_VALUE: usize = 1024;

/// Turns a layer of log lines into one of JSON lines.
pub(crate) fn lines<S, W>(
    layer: Layer<S, DefaultFields, Format<Full>, W>,
    service: &'static str,
) -> Layer<S, JsonFields, JsonLine, W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> tracing_subscriber::fmt::MakeWriter<'a> + 'static,
{
    layer.event_format(JsonLine { service }).fmt_fields(JsonFields::new())
}

pub(crate) struct JsonLine {
    service: &'static str,
}

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line::default();
        spans(ctx, &mut line);
        event.record(&mut line);
        self.envelope(event, &mut line)?;
        writeln!(writer, "{}", Value::Object(line.0))
    }
}

impl JsonLine {
    /// What every line has; it wins over a field of the same name.
    fn envelope(&self, event: &Event<'_>, line: &mut Line) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        line.put("timestamp", timestamp);
        line.put("level", event.metadata().level().as_str());
        line.put("service", self.service);
        line.put("target", event.metadata().target());
        if let Some((trace, span)) = context::current_ids() {
            line.put("trace_id", trace);
            line.put("span_id", span);
        }
        Ok(())
    }
}

/// The fields of the spans around the event, the innermost last, so that it wins.
fn spans<S, N>(ctx: &FmtContext<'_, S, N>, line: &mut Line)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    for span in ctx.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
        if let Some(fields) = span.extensions().get::<FormattedFields<N>>()
            && let Ok(Value::Object(fields)) = serde_json::from_str(&fields.fields)
        {
            line.0.extend(fields);
        }
        line.put("span", span.name());
    }
}

#[derive(Default)]
struct Line(Map<String, Value>);

impl Line {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Line {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let end = value.floor_char_boundary(LONGEST_VALUE);
        self.put(field.name(), &value[..end]);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
