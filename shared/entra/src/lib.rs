//! shared/entra
