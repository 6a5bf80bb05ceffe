//! `#[derive(Value)]`: a struct as a map of its fields, an enum as the name of its variant, with its fields if there are any.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{
    Data, DeriveInput, Error, Field, Fields, GenericParam, Generics, Path, Result, Type, Variant, ext::IdentExt,
    parse_quote, spanned::Spanned,
};

use crate::attributes::{FieldAttributes, FieldForm, check_unique, crate_path, variant_rename};

/// The implementations for a type.
pub(crate) fn value(input: &DeriveInput) -> Result<TokenStream> {
    let krate = crate_path(&input.attrs)?.unwrap_or_else(|| parse_quote!(::fapilog));
    let private = quote!(#krate::__private);
    match &input.data {
        Data::Struct(data) => {
            let parts = DerivedParts::of(&data.fields, |index, field| match &field.ident {
                Some(name) => quote_spanned!(type_span(field)=> &self.#name),
                None => {
                    let index = syn::Index::from(index);
                    quote_spanned!(type_span(field)=> &self.#index)
                }
            })?;
            let derived = Derived { input, private: &private, krate: &krate, parts: vec![&parts] };
            Ok(match &data.fields {
                Fields::Unnamed(fields) if fields.unnamed.len() == 1 && !parts.is_rendered() => {
                    derived.transparent(&parts)
                }
                fields if fields.is_empty() => derived.composite(&quote!(__out.none();)),
                _ => derived.composite(&parts.put(&private)),
            })
        }
        Data::Enum(data) => {
            let variants = data.variants.iter().map(VariantParts::of).collect::<Result<Vec<_>>>()?;
            check_unique(&variants.iter().map(|variant| (variant.name.clone(), variant.span)).collect::<Vec<_>>())?;
            let parts = variants.iter().map(|variant| &variant.parts).collect();
            let derived = Derived { input, private: &private, krate: &krate, parts };
            Ok(if data.variants.iter().all(|variant| variant.fields.is_empty()) {
                derived.names(&variants)
            } else {
                let arms = variants.iter().map(|variant| variant.arm(&private));
                derived.composite(&quote!(match self { #(#arms)* }))
            })
        }
        Data::Union(data) => Err(Error::new(
            data.union_token.span,
            format!("`Value` cannot be derived for the union `{}`; allowed are structs and enums", input.ident),
        )),
    }
}

/// The place of a field's type: an error about it points there.
fn type_span(field: &Field) -> Span {
    Span::call_site().located_at(field.ty.span())
}

/// Whether the type is written as an `Option`, which has no `Display` of its own.
fn is_option(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => {
            path.path.segments.last().is_some_and(|last| last.ident == "Option" && !last.arguments.is_none())
        }
        Type::Reference(reference) => is_option(&reference.elem),
        Type::Paren(paren) => is_option(&paren.elem),
        Type::Group(group) => is_option(&group.elem),
        _ => false,
    }
}

/// A field that is logged.
struct LoggedField {
    key: Option<String>,
    /// A reference to it.
    place: TokenStream,
    form: FieldForm,
    field: Field,
}

impl LoggedField {
    /// Puts its value by `__out`.
    fn put(&self, private: &TokenStream) -> TokenStream {
        let place = &self.place;
        let span = type_span(&self.field);
        match self.form {
            FieldForm::Value | FieldForm::Skipped => {
                quote_spanned!(span=> #private::Value::put_self_typed(#place, __out);)
            }
            FieldForm::Redacted => quote_spanned! {span=>
                let _ = #place;
                #private::Value::put_self_typed(&#private::Redacted, __out);
            },
            FieldForm::Display if is_option(&self.field.ty) => quote_spanned! {span=>
                match #place {
                    ::core::option::Option::Some(__shown) => #private::put_display(__out, __shown),
                    ::core::option::Option::None => __out.none(),
                }
            },
            FieldForm::Display => quote_spanned!(span=> #private::put_display(__out, #place);),
            FieldForm::Debug => quote_spanned!(span=> #private::put_debug(__out, #place);),
            FieldForm::Error => quote_spanned!(span=> #private::put_error(__out, #place);),
            FieldForm::Rendered => quote_spanned!(span=> #private::Render::render(#place, __out);),
        }
    }
}

/// The fields of a struct or of a variant.
struct DerivedParts {
    fields: Vec<LoggedField>,
    has_names: bool,
}

impl DerivedParts {
    fn of(fields: &Fields, place: impl Fn(usize, &Field) -> TokenStream) -> Result<Self> {
        let mut logged = Vec::new();
        let mut keys = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            let FieldAttributes { rename, form } = FieldAttributes::of(&field.attrs)?;
            if field.ident.is_none() && rename.is_some() {
                return Err(Error::new(field.span(), "a field without a name cannot be renamed"));
            }
            if form == FieldForm::Skipped {
                continue;
            }
            let key = field.ident.as_ref().map(|name| rename.unwrap_or_else(|| name.unraw().to_string()));
            keys.extend(key.clone().map(|key| (key, field.span())));
            logged.push(LoggedField { key, place: place(index, field), form, field: field.clone() });
        }
        check_unique(&keys)?;
        Ok(Self { fields: logged, has_names: matches!(fields, Fields::Named(_)) })
    }

    /// Whether a field runs code of the user's.
    fn is_rendered(&self) -> bool {
        let is_value = |form| matches!(form, FieldForm::Value | FieldForm::Skipped | FieldForm::Redacted);
        self.fields.iter().any(|field| !is_value(field.form))
    }

    /// Puts them by `__out`: a map of named fields, a sequence of others.
    fn put(&self, private: &TokenStream) -> TokenStream {
        if self.has_names {
            let entries = self.fields.iter().map(|field| {
                let (key, put) = (&field.key, field.put(private));
                quote!(__parts.entry_with(#key, |__out| { #put });)
            });
            quote!(__out.map(|__parts| { #(#entries)* });)
        } else {
            let elements = self.fields.iter().map(|field| {
                let put = field.put(private);
                quote!(__parts.element_with(|__out| { #put });)
            });
            quote!(__out.sequence(|__parts| { #(#elements)* });)
        }
    }
}

struct VariantParts<'i> {
    variant: &'i Variant,
    name: String,
    span: Span,
    parts: DerivedParts,
}

fn binding(index: usize) -> Ident {
    format_ident!("__field{index}")
}

impl<'i> VariantParts<'i> {
    fn of(variant: &'i Variant) -> Result<Self> {
        let name = variant_rename(&variant.attrs)?.unwrap_or_else(|| variant.ident.unraw().to_string());
        let parts = DerivedParts::of(&variant.fields, |index, _| binding(index).into_token_stream())?;
        Ok(Self { variant, name, span: variant.span(), parts })
    }

    fn arm(&self, private: &TokenStream) -> TokenStream {
        let (ident, name) = (&self.variant.ident, &self.name);
        let bindings = (0..self.variant.fields.len()).map(binding);
        let (pattern, inner) = match &self.variant.fields {
            fields if fields.is_empty() => return quote!(Self::#ident {} => __out.text(#name),),
            Fields::Unit => (quote!(), quote!()),
            Fields::Named(fields) => {
                let names = fields.named.iter().map(|field| &field.ident);
                (quote!({ #(#names: #bindings),* }), self.parts.put(private))
            }
            Fields::Unnamed(fields) => {
                let inner = match (fields.unnamed.len(), self.parts.fields.first()) {
                    // As a type around one value is the value.
                    (1, Some(field)) => field.put(private),
                    _ => self.parts.put(private),
                };
                (quote!((#(#bindings),*)), inner)
            }
        };
        quote! {
            #[allow(unused_variables, reason = "a field that is skipped")]
            Self::#ident #pattern => __out.map(|__parts| { __parts.entry_with(#name, |__out| { #inner }); }),
        }
    }
}

struct Derived<'i> {
    input: &'i DeriveInput,
    private: &'i TokenStream,
    krate: &'i Path,
    parts: Vec<&'i DerivedParts>,
}

impl Derived<'_> {
    /// A type whose only field is the value.
    fn transparent(&self, parts: &DerivedParts) -> TokenStream {
        let private = self.private;
        let Some(LoggedField { place, field, form, .. }) = parts.fields.first() else {
            // Its only field is skipped.
            return self.composite(&quote!(__out.none();));
        };
        let (inner, place) = match form {
            // As in `LoggedField::put`, the field is used and not read.
            FieldForm::Redacted => (quote!(#private::Redacted), quote!({ let _ = #place; &#private::Redacted })),
            _ => (field.ty.to_token_stream(), place.clone()),
        };
        self.value(
            &quote! {
                type Wire = <#inner as #private::Value>::Wire;
                const KIND: #private::Kind = <#inner as #private::Value>::KIND;

                #[inline]
                fn tail_bytes(&self) -> ::core::primitive::usize {
                    #private::Value::tail_bytes(#place)
                }

                #[inline]
                fn archive(&self, __writer: &mut #private::SlotWriter<'_>) -> Self::Wire {
                    #private::Value::archive(#place, __writer)
                }
            },
            &quote!(#private::Value::put_self_typed(#place, __out);),
        )
    }

    /// An enum without fields: its variants' names, and the keys of maps.
    fn names(&self, variants: &[VariantParts<'_>]) -> TokenStream {
        let private = self.private;
        let arms = variants.iter().map(|VariantParts { variant, name, .. }| {
            let ident = &variant.ident;
            quote!(Self::#ident {} => #name,)
        });
        let name = quote!(match self { #(#arms)* });
        // There is no value of an enum without variants.
        let body = |body: TokenStream| if variants.is_empty() { quote!(match *self {}) } else { body };
        let (tail_bytes, archive) =
            (body(quote!(::core::primitive::str::len(#name))), body(quote!(__writer.put_text(#name))));
        let with_text = body(quote!(__look(#name)));
        let value = self.value(
            &quote! {
                type Wire = [::core::primitive::u8; 8];
                const KIND: #private::Kind = #private::Kind::Text;

                #[inline]
                fn tail_bytes(&self) -> ::core::primitive::usize {
                    #tail_bytes
                }

                #[inline]
                fn archive(&self, __writer: &mut #private::SlotWriter<'_>) -> [::core::primitive::u8; 8] {
                    #archive
                }
            },
            &body(quote!(__out.text(#name);)),
        );
        let ident = &self.input.ident;
        let (impl_generics, type_generics, where_clause) = self.input.generics.split_for_impl();
        quote! {
            #value

            #[automatically_derived]
            impl #impl_generics #private::SealedKey for #ident #type_generics #where_clause {}

            #[automatically_derived]
            impl #impl_generics #private::Key for #ident #type_generics #where_clause {
                fn with_text<__R>(&self, __look: impl ::core::ops::FnOnce(&::core::primitive::str) -> __R) -> __R {
                    #with_text
                }
            }
        }
    }

    /// A type of several parts. If one of them runs code of the user's, it is rendered before the log call.
    fn composite(&self, put: &TokenStream) -> TokenStream {
        let private = self.private;
        if self.parts.iter().any(|parts| parts.is_rendered()) {
            let ident = &self.input.ident;
            let generics = self.bounded_generics();
            let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
            return quote! {
                #[automatically_derived]
                impl #impl_generics #private::Render for #ident #type_generics #where_clause {
                    fn render(&self, __out: &mut #private::SelfTypedWriter<'_>) {
                        #put
                    }
                }
            };
        }
        self.value(
            &quote! {
                type Wire = [::core::primitive::u8; 8];
                const KIND: #private::Kind = #private::Kind::SelfTyped;

                #[inline]
                fn tail_bytes(&self) -> ::core::primitive::usize {
                    #private::self_typed_bytes(self)
                }

                #[inline]
                fn archive(&self, __writer: &mut #private::SlotWriter<'_>) -> [::core::primitive::u8; 8] {
                    __writer.put_self_typed(self)
                }
            },
            put,
        )
    }

    fn value(&self, items: &TokenStream, put: &TokenStream) -> TokenStream {
        let (private, ident) = (self.private, &self.input.ident);
        let generics = self.bounded_generics();
        let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
        quote! {
            #[automatically_derived]
            impl #impl_generics #private::Sealed for #ident #type_generics #where_clause {}

            #[automatically_derived]
            impl #impl_generics #private::Value for #ident #type_generics #where_clause {
                #items

                #[inline]
                fn put_self_typed(&self, __out: &mut #private::SelfTypedWriter<'_>) {
                    #put
                }
            }
        }
    }

    /// Each type parameter that a field names has the bound that the field needs.
    fn bounded_generics(&self) -> Generics {
        let krate = self.krate;
        let mut generics = self.input.generics.clone();
        let fields = || self.parts.iter().flat_map(|parts| &parts.fields);
        for parameter in &mut generics.params {
            let GenericParam::Type(parameter) = parameter else { continue };
            let users = fields().filter(|field| names(field.field.ty.to_token_stream(), &parameter.ident));
            for form in users.map(|field| field.form) {
                parameter.bounds.push(match form {
                    // It is not read.
                    FieldForm::Redacted => continue,
                    FieldForm::Value | FieldForm::Skipped => parse_quote!(#krate::event::Value),
                    FieldForm::Display => parse_quote!(::core::fmt::Display),
                    FieldForm::Debug => parse_quote!(::core::fmt::Debug),
                    FieldForm::Error => parse_quote!(::core::error::Error),
                    FieldForm::Rendered => parse_quote!(#krate::event::Render),
                });
            }
        }
        generics
    }
}

/// Whether the parameter stands among the tokens.
fn names(tokens: TokenStream, parameter: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == *parameter,
        TokenTree::Group(group) => names(group.stream(), parameter),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(input: &DeriveInput) -> String {
        value(input).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn errors_name_the_thing_and_what_is_allowed() {
        let cases: [(DeriveInput, &str); 9] = [
            (
                parse_quote!(union Bits { a: u8 }),
                "`Value` cannot be derived for the union `Bits`; allowed are structs and enums",
            ),
            (
                parse_quote!(
                    struct A {
                        #[fapilog(hide)]
                        a: u8,
                    }
                ),
                "unknown attribute `hide`; allowed on a field are `rename = \"...\"`, and one of `skip`, `redact`, `display`, `debug`, \
                 `error` and `rendered`",
            ),
            (
                parse_quote!(
                    enum A {
                        #[fapilog(skip)]
                        B,
                    }
                ),
                "unknown attribute `skip`; allowed on a variant is `rename = \"...\"`",
            ),
            (
                parse_quote!(
                    #[fapilog(skip)]
                    struct A;
                ),
                "unknown attribute `skip`; allowed on a type is `crate = path`",
            ),
            (
                parse_quote!(
                    struct A {
                        #[fapilog(display, skip)]
                        a: u8,
                    }
                ),
                "`display` and `skip` exclude each other",
            ),
            (
                parse_quote!(
                    struct A {
                        #[fapilog(rename = "a", rename = "b")]
                        a: u8,
                    }
                ),
                "it is given twice",
            ),
            (
                parse_quote!(
                    struct A {
                        a: u8,
                        #[fapilog(rename = "a")]
                        b: u8,
                    }
                ),
                "the key `a` comes twice",
            ),
            (
                parse_quote!(
                    enum A {
                        B,
                        #[fapilog(rename = "B")]
                        C,
                    }
                ),
                "the key `B` comes twice",
            ),
            (
                parse_quote!(
                    struct A(#[fapilog(rename = "a")] u8);
                ),
                "a field without a name cannot be renamed",
            ),
        ];
        for (input, expected) in cases {
            assert_eq!(error_of(&input), expected);
        }
    }

    #[test]
    fn a_derive_expands_to_safe_code_of_the_named_crate() {
        let input: DeriveInput = parse_quote! {
            #[fapilog(crate = ::logging::renamed)]
            enum A<'a, T: Copy, const N: usize> {
                B,
                C(&'a str, [T; N]),
                D { #[fapilog(skip)] a: u8, r#type: u8 },
            }
        };
        let text = value(&input).unwrap_or_default().to_string();
        assert!(!text.contains("unsafe") && !text.contains(":: fapilog"), "{text}");
        assert!(text.contains(":: logging :: renamed :: __private :: Value for A < 'a , T , N >"), "{text}");
        assert!(
            text.contains("\"type\"") && text.contains("T : Copy + :: logging :: renamed :: event :: Value"),
            "{text}"
        );
    }

    #[test]
    fn a_type_with_a_rendered_field_is_no_value() {
        for form in [quote!(display), quote!(debug), quote!(error), quote!(rendered)] {
            let text = value(&parse_quote!(
                struct A<T>(#[fapilog(#form)] T);
            ))
            .unwrap_or_default()
            .to_string();
            assert!(text.contains("Render for A < T >") && !text.contains("Value for"), "{text}");
        }
    }
}
