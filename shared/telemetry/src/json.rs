//! One JSON object a line: what `tracing_subscriber` writes, and the trace that the line belongs to.

use std::fmt::{self, Debug};

use serde::Serialize;
use serde_json::{Deserializer, Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields, Layer,
        format::{DefaultFields, Format, Full, Writer},
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
) -> Layer<S, SpanFields, JsonLine, W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> tracing_subscriber::fmt::MakeWriter<'a> + 'static,
{
    layer.event_format(JsonLine { service }).fmt_fields(SpanFields)
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
        line.put_all(event);
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
        if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
            // As many objects as times that the span was told of fields.
            let objects = Deserializer::from_str(&fields.fields).into_iter::<Map<_, _>>();
            line.0.extend(objects.map_while(Result::ok).flatten());
        }
        line.put("span", span.name());
    }
}

/// A span's fields as a JSON object. Written for every span, and few spans ever see a line: hence no detour by way of
/// a map, as the library's own takes.
pub(crate) struct SpanFields;

impl<'writer> FormatFields<'writer> for SpanFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let (mut before, mut written) = ('{', Ok(()));
        fields.record(&mut Each(|field: &Field, value: Given<'_>| {
            // The otel.* are words to the exporter.
            if written.is_ok() && !field.name().starts_with("otel.") {
                written = write_field(&mut writer, before, field.name(), &value);
                before = ',';
            }
        }));
        written?;
        writer.write_str(if before == '{' { "{}" } else { "}" })
    }
}

fn write_field(writer: &mut Writer<'_>, before: char, name: &str, value: &Given<'_>) -> fmt::Result {
    let value = serde_json::to_string(value).map_err(|_| fmt::Error)?;
    write!(writer, "{before}\"{name}\":{value}")
}

/// A field's value, as it was given.
#[derive(Serialize)]
#[serde(untagged)]
enum Given<'a> {
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Truth(bool),
    Text(&'a str),
}

/// Hands on each field; texts and what is shown as text are bounded.
struct Each<F>(F);

impl<F: FnMut(&Field, Given<'_>)> Visit for Each<F> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        (self.0)(field, Given::Signed(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        (self.0)(field, Given::Unsigned(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        (self.0)(field, Given::Truth(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        (self.0)(field, Given::Float(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        (self.0)(field, Given::Text(&value[..value.floor_char_boundary(LONGEST_VALUE)]));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// A line under way.
#[derive(Default)]
struct Line(Map<String, Value>);

impl Line {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    fn put_all(&mut self, event: &Event<'_>) {
        event.record(&mut Each(|field: &Field, value: Given<'_>| self.put(field.name(), value)));
    }
}

impl From<Given<'_>> for Value {
    fn from(given: Given<'_>) -> Self {
        match given {
            Given::Signed(number) => number.into(),
            Given::Unsigned(number) => number.into(),
            Given::Float(number) => number.into(),
            Given::Truth(truth) => truth.into(),
            Given::Text(text) => text.into(),
        }
    }
}
