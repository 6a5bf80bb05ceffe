//! `#[fapilog(...)]` on types, variants and fields.

use proc_macro2::Span;
use syn::{Attribute, Error, LitStr, Path, Result, meta::ParseNestedMeta, spanned::Spanned};

use crate::written::text_of;

/// How the value of a field is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldForm {
    /// It is a value.
    Value,
    Skipped,
    Display,
    Debug,
    Error,
    /// It is rendered in turn.
    Rendered,
    /// It is not read.
    Redacted,
}

/// The attributes of a field.
#[derive(Debug)]
pub(crate) struct FieldAttributes {
    pub(crate) rename: Option<String>,
    pub(crate) form: FieldForm,
}

const FIELD_ALLOWED: &str = "allowed on a field are `rename = \"...\"`, and one of `skip`, `redact`, `display`, `debug`, `error` and `rendered`";
const VARIANT_ALLOWED: &str = "allowed on a variant is `rename = \"...\"`";
const TYPE_ALLOWED: &str = "allowed on a type is `crate = path`";

impl FieldAttributes {
    pub(crate) fn of(attributes: &[Attribute]) -> Result<Self> {
        let mut rename = None;
        let mut form: Option<(FieldForm, &str)> = None;
        visit(attributes, |meta| {
            const FORMS: [(&str, FieldForm); 6] = [
                ("skip", FieldForm::Skipped),
                ("redact", FieldForm::Redacted),
                ("display", FieldForm::Display),
                ("debug", FieldForm::Debug),
                ("error", FieldForm::Error),
                ("rendered", FieldForm::Rendered),
            ];
            if meta.path.is_ident("rename") {
                return set(&mut rename, text(meta)?, meta);
            }
            let Some((name, found)) = FORMS.iter().find(|(name, _)| meta.path.is_ident(name)) else {
                return Err(unknown(meta, FIELD_ALLOWED));
            };
            match form.replace((*found, name)) {
                None => Ok(()),
                Some((_, before)) => Err(meta.error(format!("`{before}` and `{name}` exclude each other"))),
            }
        })?;
        Ok(Self { rename, form: form.map_or(FieldForm::Value, |(form, _)| form) })
    }
}

/// The name of a variant, if its attributes change it.
pub(crate) fn variant_rename(attributes: &[Attribute]) -> Result<Option<String>> {
    let mut rename = None;
    visit(attributes, |meta| {
        if meta.path.is_ident("rename") {
            return set(&mut rename, text(meta)?, meta);
        }
        Err(unknown(meta, VARIANT_ALLOWED))
    })?;
    Ok(rename)
}

/// The path of the crate `fapilog`, if the type's attributes change it.
pub(crate) fn crate_path(attributes: &[Attribute]) -> Result<Option<Path>> {
    let mut path = None;
    visit(attributes, |meta| {
        if meta.path.is_ident("crate") {
            let value = meta.value()?.call(Path::parse_mod_style)?;
            return set(&mut path, value, meta);
        }
        Err(unknown(meta, TYPE_ALLOWED))
    })?;
    Ok(path)
}

fn visit(attributes: &[Attribute], mut look: impl FnMut(&ParseNestedMeta<'_>) -> Result<()>) -> Result<()> {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("fapilog")) {
        attribute.parse_nested_meta(|meta| look(&meta))?;
    }
    Ok(())
}

fn text(meta: &ParseNestedMeta<'_>) -> Result<String> {
    Ok(meta.value()?.parse::<LitStr>()?.value())
}

fn set<T>(place: &mut Option<T>, value: T, meta: &ParseNestedMeta<'_>) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(meta.error("it is given twice")),
    }
}

fn unknown(meta: &ParseNestedMeta<'_>, allowed: &str) -> Error {
    let path = &meta.path;
    let name = text_of(&quote::quote!(#path).into_iter().collect::<Vec<_>>());
    Error::new(path.span(), format!("unknown attribute `{name}`; {allowed}"))
}

/// An error for each key that comes twice.
pub(crate) fn check_unique(keys: &[(String, Span)]) -> Result<()> {
    for (index, (key, span)) in keys.iter().enumerate() {
        if keys.iter().take(index).any(|(before, _)| before == key) {
            return Err(Error::new(*span, format!("the key `{key}` comes twice")));
        }
    }
    Ok(())
}
