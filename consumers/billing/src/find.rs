//! The looks at what is there already in one account.

use crate::{
    customer::{Customer, NewCustomer},
    stripe::{Stripe, StripeError},
};

impl Stripe {
    /// The customer that `new` is already: by a search for the metadata that we write, which lags by a minute, and by a
    /// list by e-mail, which does not.
    pub(crate) async fn find(&self, new: &NewCustomer) -> Result<Option<Customer>, StripeError> {
        let found = self.search(&new.metadata_query()).await?;
        if let Some(customer) = found.into_iter().find(|customer| new.is_already(customer)) {
            return Ok(Some(customer));
        }
        for email in new.emails() {
            let listed = self.list_by_email(email).await?;
            if let Some(customer) = listed.into_iter().find(|customer| new.is_already(customer)) {
                return Ok(Some(customer));
            }
        }
        Ok(None)
    }
}
