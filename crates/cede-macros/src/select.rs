//! What `select!` needs: an enum with one variant per branch, and patterns that only ask.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::Pat;
use syn::parse::Parser;

/// The input is one group with one token per branch.
pub(crate) fn declare_output_enum(input: TokenStream) -> TokenStream {
    let branches = match input.into_iter().next() {
        Some(TokenTree::Group(group)) => group.stream().into_iter().count(),
        _ => 0,
    };
    let mask = match branches {
        0..=8 => quote!(u8),
        9..=16 => quote!(u16),
        17..=32 => quote!(u32),
        33..=64 => quote!(u64),
        _ => return quote!(::core::compile_error!("`select!` takes up to 64 branches");),
    };
    let variants: Vec<_> = (0..branches).map(|index| format_ident!("_{index}")).collect();
    quote! {
        /// Which branch completed, and with what.
        pub(super) enum Out<#(#variants),*> {
            #(#variants(#variants),)*
            /// No branch is left.
            Disabled,
        }

        /// One bit per branch.
        pub(super) type Mask = #mask;
    }
}

/// The input is a path, a group with one token per branch before this one, and a group with what the variant holds.
pub(crate) fn variant(input: TokenStream) -> TokenStream {
    let mut path: Vec<TokenTree> = input.into_iter().collect();
    match (path.pop(), path.pop()) {
        (Some(TokenTree::Group(content)), Some(TokenTree::Group(before))) => {
            let variant = format_ident!("_{}", before.stream().into_iter().count());
            let content = content.stream();
            quote!(#(#path)*::#variant(#content))
        }
        _ => quote!(::core::compile_error!("expected a path and two groups")),
    }
}

/// Matching by reference must not ask for `ref mut` or for a binding by value.
pub(crate) fn clean_pattern(input: TokenStream) -> TokenStream {
    // What is not a pattern is an error of `match`, and best reported there.
    let Ok(mut pattern) = Pat::parse_multi.parse2(input.clone()) else { return input };
    clean(&mut pattern);
    pattern.into_token_stream()
}

/// What is not mentioned has no pattern in it: blocks and expressions are not patterns.
fn clean(pattern: &mut Pat) {
    match pattern {
        Pat::Ident(binding) => {
            binding.by_ref = None;
            binding.mutability = None;
            if let Some((_, part)) = &mut binding.subpat {
                clean(part);
            }
        }
        Pat::Reference(reference) => {
            reference.mutability = None;
            clean(&mut reference.pat);
        }
        Pat::Or(parts) => parts.cases.iter_mut().for_each(clean),
        Pat::Paren(part) => clean(&mut part.pat),
        Pat::Slice(parts) => parts.elems.iter_mut().for_each(clean),
        Pat::Struct(parts) => parts.fields.iter_mut().for_each(|field| clean(&mut field.pat)),
        Pat::Tuple(parts) => parts.elems.iter_mut().for_each(clean),
        Pat::TupleStruct(parts) => parts.elems.iter_mut().for_each(clean),
        Pat::Type(part) => clean(&mut part.pat),
        _ => {}
    }
}
