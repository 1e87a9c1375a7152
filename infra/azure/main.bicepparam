// What a deployment of yours says: copy this file, put your own values in place of these, and leave out what does not apply.
// Nothing secret stands here; docs/deploy.md says how it gets into the vault.
using 'main.bicep'

// foundation, then access, then services (docs/deploy.md); this way it can stay as it is.
param stage = readEnvironmentVariable('STAGE', 'services')

// The external tenant, and in it an app registration for each service that asks Graph.
param entraTenantId = '00000000-0000-0000-0000-000000000000'
param registrations = {
  producer: '00000000-0000-0000-0000-000000000001'
  billing: '00000000-0000-0000-0000-000000000002'
  birthrights: '00000000-0000-0000-0000-000000000003'
  upn: '00000000-0000-0000-0000-000000000004'
}

// Consumers that you have no use for.
param without = ['crm', 'sql']

// Tags of the images that you have pushed. `versions` is for one service at a time: { billing: '0.1.1' }.
param version = '0.1.0'
param versions = {}

// Settings by service; README lists them all, and `--help` of each program explains them.
param settings = {
  producer: {
    // `usher doctor producer` shows which apps make users in your tenant.
    SIGNUP_ACTORS: '00000000-0000-0000-0000-00000000000a'
    EVENT_ATTRIBUTES: 'extension_00000000000000000000000000000000_MarketingConsent'
    START_FROM: 'now'
  }
  billing: {
    STRIPE_CUSTOMER_ID_ATTRIBUTE: 'extension_00000000000000000000000000000000_StripeCustomerId'
    STRIPE_MODE: 'live'
  }
  email: {
    MAILCHIMP_LIST_ID: '0000000000'
    MAILCHIMP_CONSENT_ATTRIBUTE: 'extension_00000000000000000000000000000000_MarketingConsent'
    MAILCHIMP_WELCOME_TAG: 'usher-welcome'
  }
  upn: {
    UPN_DOMAIN: 'customers.example.com'
  }
}

// Files that settings name, such as the rules of birthrights.
param files = {
  birthrights: {
    BIRTHRIGHTS_RULES: loadTextContent('../../local/sandbox/rules.toml')
  }
}

// Two producers survive the loss of one; consumers that sleep while nothing waits cost next to nothing.
param producerReplicas = 1
param minReplicas = 1
param maxReplicas = 2

// Until you have seen how a sign-up goes; later, only what tells something (infra/collector.yaml).
param everyTrace = true

param operatorsId = ''
param alertEmails = ['operators@example.com']
