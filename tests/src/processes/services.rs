//! The producer and the consumers of a [`World`], ready to be started with the settings that an operator would give them.

use std::{fs, path::PathBuf};

use usher_sandbox::{
    BIRTHRIGHTS_CLIENT_ID, BIRTHRIGHTS_CLIENT_SECRET, CLIENT_ID, CLIENT_SECRET, CUSTOM_DOMAIN, Judged,
    MAILCHIMP_KEY, MAILCHIMP_LIST_ID, MAILCHIMP_WELCOME_TAG, RULES, SALESFORCE_CLIENT_ID,
    SALESFORCE_PRIVATE_KEY, SALESFORCE_USERNAME, SIGN_UP_APP_ID, STRIPE_KEY, TENANT_ID, UPN_CLIENT_ID,
    UPN_CLIENT_SECRET, WEBHOOK_SECRET, marketing_consent_attribute, stripe_customer_id_attribute,
};

use super::{Program, World};

impl World {
    /// The producer, ready to be started.
    pub fn producer(&self) -> Program {
        self.program("usher-producer")
            .with("CHECKPOINT", self.checkpoint().display().to_string())
            .with("START_FROM", "1h")
            // The audit log allows five requests in ten seconds.
            .with("POLL_INTERVAL", "2s")
            .with("SIGNUP_ACTORS", SIGN_UP_APP_ID.to_string())
            .with("EVENT_ATTRIBUTES", marketing_consent_attribute())
    }

    /// The producer's checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        self.home().join("checkpoint.json")
    }

    /// A consumer, ready to be started.
    pub fn consumer(&self, which: Judged) -> Program {
        match which {
            Judged::Billing => self.billing(),
            Judged::Email => self.email(),
            Judged::Birthrights => self.birthrights(),
            Judged::Upn => self.upn(),
            Judged::Crm => self.crm(),
            Judged::Sql => self.sql(),
            Judged::Webhook => self.webhook(),
        }
    }

    /// Billing, ready to be started.
    pub fn billing(&self) -> Program {
        self.program("usher-billing")
            .with("STRIPE_SECRET_KEY", STRIPE_KEY)
            .with("STRIPE_API_BASE", self.sandbox.announced("stripe"))
            .with("STRIPE_CUSTOMER_ID_ATTRIBUTE", stripe_customer_id_attribute())
    }

    /// E-mail, ready to be started. It has nothing to do with Graph.
    pub fn email(&self) -> Program {
        self.without_graph("usher-email")
            .with("MAILCHIMP_API_KEY", MAILCHIMP_KEY)
            .with("MAILCHIMP_API_BASE", self.sandbox.announced("mailchimp"))
            .with("MAILCHIMP_LIST_ID", MAILCHIMP_LIST_ID)
            .with("MAILCHIMP_CONSENT_ATTRIBUTE", marketing_consent_attribute())
            .with("MAILCHIMP_WELCOME_TAG", MAILCHIMP_WELCOME_TAG)
    }

    /// Birthrights, ready to be started, with an app registration of its own.
    pub fn birthrights(&self) -> Program {
        let rules = self.home().join("rules.toml");
        fs::write(&rules, RULES).expect("the test's folder can be written");
        self.program("usher-birthrights")
            .with("ENTRA_CLIENT_ID", BIRTHRIGHTS_CLIENT_ID.to_string())
            .with("ENTRA_CLIENT_SECRET", BIRTHRIGHTS_CLIENT_SECRET)
            .with("BIRTHRIGHTS_RULES", rules.display().to_string())
    }

    /// The consumer upn, ready to be started, with an app registration of its own.
    pub fn upn(&self) -> Program {
        self.program("usher-upn")
            .with("ENTRA_CLIENT_ID", UPN_CLIENT_ID.to_string())
            .with("ENTRA_CLIENT_SECRET", UPN_CLIENT_SECRET)
            .with("UPN_DOMAIN", CUSTOM_DOMAIN)
    }

    /// CRM, ready to be started. It has nothing to do with Graph.
    pub fn crm(&self) -> Program {
        let key = self.home().join("salesforce-key.pem");
        fs::write(&key, SALESFORCE_PRIVATE_KEY).expect("the test's folder can be written");
        self.without_graph("usher-crm")
            .with("SALESFORCE_LOGIN_URL", self.sandbox.announced("salesforce"))
            .with("SALESFORCE_CLIENT_ID", SALESFORCE_CLIENT_ID)
            .with("SALESFORCE_USERNAME", SALESFORCE_USERNAME)
            .with("SALESFORCE_PRIVATE_KEY_FILE", key.display().to_string())
    }

    /// The consumer sql, ready to be started, with a file of this world's. It has nothing to do with Graph.
    pub fn sql(&self) -> Program {
        let database = format!("sqlite://{}", self.sql_database().display());
        self.without_graph("usher-sql").with("SQL_DATABASE_URL", database)
    }

    /// Webhook, ready to be started; it may call this machine. It has nothing to do with Graph.
    pub fn webhook(&self) -> Program {
        self.without_graph("usher-webhook")
            .with("WEBHOOK_URL", self.sandbox.announced("webhook"))
            .with("WEBHOOK_SECRET", WEBHOOK_SECRET)
            .with("WEBHOOK_ALLOW_PRIVATE", "127.0.0.0/8")
    }

    /// The command line, with the settings that an operator of this world has.
    pub fn usher<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Program {
        let operator = self.billing().without("HEALTH_ADDR");
        operator.renamed("usher").args(args)
    }

    fn without_graph(&self, name: &'static str) -> Program {
        ["ENTRA_CLIENT_ID", "ENTRA_CLIENT_SECRET", "ENTRA_AUTHORITY_HOST", "GRAPH_ENDPOINT"]
            .into_iter()
            .fold(self.program(name), Program::without)
    }

    fn program(&self, name: &'static str) -> Program {
        Program::new(name, self.home())
            .with("SERVICEBUS_CONNECTION_STRING", self.connection_string())
            .with("ENTRA_TENANT_ID", TENANT_ID.to_string())
            .with("ENTRA_CLIENT_ID", CLIENT_ID.to_string())
            .with("ENTRA_CLIENT_SECRET", CLIENT_SECRET)
            .with("ENTRA_AUTHORITY_HOST", self.sandbox.announced("login"))
            .with("GRAPH_ENDPOINT", self.sandbox.announced("graph"))
            .with("USHER_EXTRA_CA_FILE", self.sandbox.announced("ca_file"))
            .with("HEALTH_ADDR", "127.0.0.1:0")
            .with_all(&self.options.variables)
    }
}
