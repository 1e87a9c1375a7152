//! The ids, keys and names that a sandbox has from the start. None of them opens anything but a sandbox.

use uuid::{Uuid, uuid};

/// The customers' tenant.
pub const TENANT_ID: Uuid = uuid!("7e2a0000-0000-4000-8000-000000000001");
/// Its first domain, in which generated user principal names are.
pub const TENANT_DOMAIN: &str = "seats.onmicrosoft.com";
/// Its other verified domain.
pub const CUSTOM_DOMAIN: &str = "seats.example";

/// An app registration with every permission that Usher needs, for whoever shares one.
pub const CLIENT_ID: Uuid = uuid!("c11e0000-0000-4000-8000-000000000001");
/// Its secret.
pub const CLIENT_SECRET: &str = "sandbox~client-secret";
/// The producer's own app registration.
pub const PRODUCER_CLIENT_ID: Uuid = uuid!("c11e0000-0000-4000-8000-000000000002");
/// Its secret.
pub const PRODUCER_CLIENT_SECRET: &str = "sandbox~producer-secret";
/// Billing's own app registration.
pub const BILLING_CLIENT_ID: Uuid = uuid!("c11e0000-0000-4000-8000-000000000003");
/// Its secret.
pub const BILLING_CLIENT_SECRET: &str = "sandbox~billing-secret";
/// Birthrights' own app registration.
pub const BIRTHRIGHTS_CLIENT_ID: Uuid = uuid!("c11e0000-0000-4000-8000-000000000004");
/// Its secret.
pub const BIRTHRIGHTS_CLIENT_SECRET: &str = "sandbox~birthrights-secret";
/// The app registration of the consumer upn.
pub const UPN_CLIENT_ID: Uuid = uuid!("c11e0000-0000-4000-8000-000000000005");
/// Its secret.
pub const UPN_CLIENT_SECRET: &str = "sandbox~upn-secret";

/// The identity that the platform gives containers, `AZURE_CLIENT_ID`: it alone may call the key vault.
pub const IDENTITY_CLIENT_ID: Uuid = uuid!("1de00000-0000-4000-8000-000000000001");
/// A secret of it, `AZURE_CLIENT_SECRET`.
pub const IDENTITY_CLIENT_SECRET: &str = "sandbox~identity-secret";
/// What it is called as the subject of a token.
pub(crate) const IDENTITY_PRINCIPAL_ID: Uuid = uuid!("1de00000-0000-4000-8000-000000000002");
/// What a container shows to get its tokens, `IDENTITY_HEADER`.
pub const IDENTITY_HEADER: &str = "sandbox~identity-header";
/// The one certificate in the key vault.
pub const VAULT_CERTIFICATE: &str = "usher-producer";
/// The password of the PKCS#12 file.
pub const PKCS12_PASSWORD: &str = "usher-sandbox";

/// The app that makes a user when somebody signs up: what `SIGNUP_ACTORS` must name.
pub const SIGN_UP_APP_ID: Uuid = uuid!("0000000a-0000-4000-8000-000000000001");
/// The app registration that owns the tenant's custom attributes.
pub const B2C_EXTENSIONS_APP_ID: Uuid = uuid!("b2ce0000-0000-4000-8000-000000000001");

/// The group that everybody who signs up belongs in.
pub const MEMBERS_GROUP_ID: Uuid = uuid!("96000000-0000-4000-8000-000000000001");
/// The group of those who say that they buy for a business.
pub const BUSINESS_GROUP_ID: Uuid = uuid!("96000000-0000-4000-8000-000000000002");
/// The group of those who sign in with Google.
pub const GOOGLE_GROUP_ID: Uuid = uuid!("96000000-0000-4000-8000-000000000003");
/// A role-assignable group: whoever is in it is an administrator. No birthright.
pub const ADMINS_GROUP_ID: Uuid = uuid!("96000000-0000-4000-8000-000000000004");
/// A group whose members Entra finds by a rule: nobody can be added.
pub const DYNAMIC_GROUP_ID: Uuid = uuid!("96000000-0000-4000-8000-000000000005");
/// The service principal of the customers' portal.
pub const PORTAL_RESOURCE_ID: Uuid = uuid!("5e000000-0000-4000-8000-000000000001");
/// The portal's app role for customers.
pub const PORTAL_ROLE_ID: Uuid = uuid!("501e0000-0000-4000-8000-000000000001");
/// The birthright rules that grant just these groups and this role, as a rules file.
pub const RULES: &str = include_str!("../rules.toml");

/// The key of the Stripe account.
pub const STRIPE_KEY: &str = "sk_test_sandbox";
/// The key of the Stripe account for businesses, where there are two.
pub const STRIPE_KEY_EU: &str = "sk_test_sandboxeu";

/// The key of the Mailchimp account. Its end names the data centre, as in life.
pub const MAILCHIMP_KEY: &str = "00000000000000000000000000000001-us1";
/// The list that customers join.
pub const MAILCHIMP_LIST_ID: &str = "5ea7500001";
/// The tag on which the welcome journey starts.
pub const MAILCHIMP_WELCOME_TAG: &str = "usher-welcome";
/// The list's one marketing permission.
pub const MAILCHIMP_PERMISSION_ID: &str = "e5a1100001";

/// The consumer key of the connected app in the Salesforce org.
pub const SALESFORCE_CLIENT_ID: &str = "3MVG9-usher-sandbox";
/// The user of the org as whom the app may act.
pub const SALESFORCE_USERNAME: &str = "usher@seats.example";
/// The field of contacts and leads that holds the id of an Entra user.
pub const SALESFORCE_EXTERNAL_ID: &str = "UsherUserId__c";

/// What the receiver of the webhook shares with its sender.
pub const WEBHOOK_SECRET: &str = "whsec_dXNoZXItc2FuZGJveC13ZWJob29rLXNlY3JldC0wMzI=";
/// Where the receiver takes deliveries.
pub const WEBHOOK_PATH: &str = "/usher";

/// The user attribute that holds the Stripe customer's id.
pub fn stripe_customer_id_attribute() -> String {
    extension_attribute("StripeCustomerId")
}

/// The user attribute that says whether somebody wants our mail.
pub fn marketing_consent_attribute() -> String {
    extension_attribute("MarketingConsent")
}

/// The user attribute in which somebody says what they buy for: `business` or `private`.
pub fn company_type_attribute() -> String {
    extension_attribute("CompanyType")
}

/// The full name of a custom attribute, as Graph wants it.
fn extension_attribute(name: &str) -> String {
    format!("extension_{}_{name}", B2C_EXTENSIONS_APP_ID.simple())
}
