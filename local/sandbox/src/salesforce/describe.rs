//! `GET /services/data/{version}/sobjects/{object}/describe`, and what it describes.

use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::errors::{Admitted, Refused, settle};
use crate::{Answer, SALESFORCE_EXTERNAL_ID, Sandbox};

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text.
    Text,
    /// An address.
    Email,
    /// Yes or no.
    Boolean,
    /// A point in time.
    DateTime,
    /// An id of Salesforce's own, or something that it computes.
    System,
}

/// A field of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// In characters; 0 for what is no text.
    pub(super) length: usize,
    pub(super) required: bool,
}

/// An object: its name and its fields.
pub(super) struct Object {
    pub(super) name: &'static str,
    /// With what its records' ids begin.
    pub(super) prefix: &'static str,
    pub(super) columns: Vec<Column>,
}

const fn column(name: &'static str, kind: Kind, length: usize) -> Column {
    Column { name, kind, length, required: false }
}

const fn required(name: &'static str, length: usize) -> Column {
    Column { name, kind: Kind::Text, length, required: true }
}

/// What contacts and leads share.
const PERSON: [Column; 14] = [
    column("Id", Kind::System, 18),
    column("Name", Kind::System, 121),
    column("CreatedDate", Kind::System, 0),
    column("FirstName", Kind::Text, 40),
    required("LastName", 80),
    column("Email", Kind::Email, 80),
    column("Phone", Kind::Text, 40),
    column("LeadSource", Kind::Text, 255),
    column("HasOptedOutOfEmail", Kind::Boolean, 0),
    column(SALESFORCE_EXTERNAL_ID, Kind::Text, 36),
    column("CompanyType__c", Kind::Text, 40),
    column("IdentityProvider__c", Kind::Text, 255),
    column("EmailVerified__c", Kind::Boolean, 0),
    column("SignedUp__c", Kind::DateTime, 0),
];

/// The object of this name, in whatever capitals.
pub(super) fn object(name: &str) -> Result<Object, Refused> {
    let of = |name, prefix, own: Column| Object { name, prefix, columns: [&PERSON[..], &[own]].concat() };
    match name.to_ascii_lowercase().as_str() {
        "contact" => Ok(of("Contact", "003", column("Department", Kind::Text, 80))),
        "lead" => Ok(of("Lead", "00Q", required("Company", 255))),
        _ => Err(Refused::not_found()),
    }
}

impl Object {
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }
}

impl Column {
    pub(super) fn is_external_id(&self) -> bool {
        self.name == SALESFORCE_EXTERNAL_ID
    }

    fn json(&self) -> Value {
        let kind = match self.kind {
            Kind::Text => "string",
            Kind::Email => "email",
            Kind::Boolean => "boolean",
            Kind::DateTime => "datetime",
            Kind::System => "id",
        };
        let is_written = self.kind != Kind::System;
        json!({
            "name": self.name,
            "label": self.name,
            "type": kind,
            "length": self.length,
            "createable": is_written,
            "updateable": is_written,
            "nillable": !self.required && self.kind != Kind::Boolean,
            "defaultedOnCreate": self.kind == Kind::Boolean,
            "externalId": self.is_external_id(),
            "unique": self.is_external_id(),
            "idLookup": self.is_external_id() || self.kind == Kind::Email,
            "custom": self.name.ends_with("__c"),
        })
    }
}

pub(super) async fn describe(
    State(sandbox): State<Sandbox>,
    _: Admitted,
    Path((_, name)): Path<(String, String)>,
) -> Answer {
    let described = object(&name).map(|object| {
        Answer::ok(json!({
            "name": object.name,
            "label": object.name,
            "keyPrefix": object.prefix,
            "createable": true,
            "updateable": true,
            "fields": object.columns.iter().map(Column::json).collect::<Vec<_>>(),
        }))
    });
    sandbox.with(|world, now| settle(world, now, described))
}
