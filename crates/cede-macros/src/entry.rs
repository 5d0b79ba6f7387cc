//! The expansion of `main` and `test`.
//!
//! The body is not parsed but carried over token by token: a syntax error in it is then the compiler's to report, and an editor can complete in
//! half-written code. Only its statements are told apart, to know where the last one is: an error of type in the body's value is shown there.
//!
//! The body of `main` is checked against the return type before it goes to `block_on`, whose generic signature would make the message long and put it
//! in the wrong place. The body of a test goes there as `Pin<&mut dyn Future>`, so that `block_on` is compiled once for all tests.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, ReturnType, Signature, Visibility};

use crate::arguments::{Arguments, Entry, Flavor};

pub(crate) fn expand(entry: Entry, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut function: Function = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(err) => {
            let err = err.into_compile_error();
            return quote!(#item #err);
        }
    };
    let arguments = function.check(entry).and_then(|()| Arguments::parse(entry, arguments));
    function.signature.asyncness = None;
    match arguments {
        Ok(arguments) => function.expand(entry, &arguments),
        Err(err) => {
            // The function stays in place, so that this is the only error.
            let function = function.expand(entry, &Arguments { flavor: Flavor::CurrentThread, ..Arguments::defaults(entry) });
            let err = err.into_compile_error();
            quote!(#function #err)
        }
    }
}

/// A function whose body was not looked into.
struct Function {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    signature: Signature,
    body: TokenStream,
    /// Where the last statement starts and ends.
    last_statement: (Span, Span),
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        let content;
        let brace = syn::braced!(content in input);
        // A block cannot carry inner attributes, the function can.
        for mut attribute in Attribute::parse_inner(&content)? {
            attribute.style = syn::AttrStyle::Outer;
            attributes.push(attribute);
        }
        let body: TokenStream = content.parse()?;
        let last_statement = last_statement(&body).unwrap_or((brace.span.join(), brace.span.join()));
        let mut braced = TokenStream::new();
        brace.surround(&mut braced, |inner| body.to_tokens(inner));
        Ok(Function { attributes, visibility, signature, body: braced, last_statement })
    }
}

/// The first and last token of what follows the last semicolon, or of the statement before it if that is all.
fn last_statement(body: &TokenStream) -> Option<(Span, Span)> {
    let (mut start, mut end, mut ended) = (None, None, true);
    for token in body.clone() {
        if ended {
            start = Some(token.span());
        }
        end = Some(token.span());
        ended = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ';');
    }
    start.zip(end)
}

impl Function {
    fn check(&self, entry: Entry) -> Result<(), Error> {
        if self.signature.asyncness.is_none() {
            return Err(Error::new_spanned(self.signature.fn_token, "the function must be an `async fn`: add the keyword `async`"));
        }
        if !entry.is_test && self.signature.ident == "main" && !self.signature.inputs.is_empty() {
            return Err(Error::new_spanned(&self.signature.inputs, "the function `main` takes no arguments"));
        }
        match self.attributes.iter().find(|attribute| is_test(attribute)) {
            Some(second) if entry.is_test => {
                Err(Error::new_spanned(second, "this is a second test attribute: remove it, or the test would run twice"))
            }
            _ => Ok(()),
        }
    }

    fn expand(&self, entry: Entry, arguments: &Arguments) -> TokenStream {
        let Function { attributes, visibility, signature, .. } = self;
        let test = entry.is_test.then(|| quote!(#[::core::prelude::v1::test]));
        let future = self.future(entry, &arguments.krate);
        let run = self.run(arguments);
        quote! {
            #(#attributes)*
            #test
            #visibility #signature {
                #future
                #run
            }
        }
    }

    /// Binds `body` to the future.
    fn future(&self, entry: Entry, krate: &syn::Path) -> TokenStream {
        let body = &self.body;
        let output = match &self.signature.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, output) => output.to_token_stream(),
        };
        if entry.is_test {
            return quote! {
                let body = async #body;
                #krate::pin!(body);
                let body: ::core::pin::Pin<&mut dyn ::core::future::Future<Output = #output>> = body;
            };
        }
        // `impl Trait` names no type outside a signature, and a body of type `!` fits everything.
        let check = (!contains_unnameable(&self.signature.output)).then(|| {
            quote! {
                if false {
                    let _: &dyn ::core::future::Future<Output = #output> = &body;
                }
            }
        });
        quote! {
            let body = async #body;
            #check
        }
    }

    /// Builds the runtime and runs `body` on it.
    fn run(&self, arguments: &Arguments) -> TokenStream {
        let krate = &arguments.krate;
        let (start, end) = self.last_statement;
        let new = match arguments.flavor {
            Flavor::MultiThread => quote_spanned!(start=> Builder::new_multi_thread()),
            Flavor::CurrentThread | Flavor::Local => quote_spanned!(start=> Builder::new_current_thread()),
        };
        let build = match arguments.flavor {
            Flavor::Local => quote_spanned!(start=> build_local(::core::default::Default::default())),
            _ => quote_spanned!(start=> build()),
        };
        let worker_threads = arguments.worker_threads.map(|count| quote_spanned!(start=> .worker_threads(#count)));
        let start_paused = arguments.start_paused.map(|paused| quote_spanned!(start=> .start_paused(#paused)));
        let unhandled_panic = arguments.unhandled_panic.as_ref();
        let unhandled_panic =
            unhandled_panic.map(|variant| quote_spanned!(start=> .unhandled_panic(#krate::runtime::UnhandledPanic::#variant)));
        let name = arguments.name.as_ref().map(|name| quote_spanned!(start=> .name(#name)));
        let call_site = Span::call_site().located_at(start);
        let import = quote_spanned!(call_site=> use #krate::runtime::Builder;);
        // With the `return`, a wrong type is reported at the last statement and not at the whole function.
        quote_spanned! {end=>
            #[allow(clippy::expect_used, clippy::diverging_sub_expression, clippy::needless_return, clippy::unwrap_in_result)]
            {
                #import
                return #new
                    #worker_threads
                    #start_paused
                    #unhandled_panic
                    #name
                    .enable_all()
                    .#build
                    .expect("the runtime could not be built")
                    .block_on(body);
            }
        }
    }
}

/// Whether it is `#[test]`, or the same by its full path.
fn is_test(attribute: &Attribute) -> bool {
    let syn::Meta::Path(path) = &attribute.meta else { return false };
    let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    matches!(names[..], ["test"] | ["core" | "std", "prelude", _, "test"])
}

/// Whether there is an `impl Trait` or a `!` in it, which cannot be written down as the type of a variable. Any other `!` follows the name of a macro.
fn contains_unnameable(output: &ReturnType) -> bool {
    fn search(tokens: TokenStream) -> bool {
        let mut follows_name = false;
        tokens.into_iter().any(|token| {
            let after_name = std::mem::replace(&mut follows_name, matches!(token, TokenTree::Ident(_)));
            match token {
                TokenTree::Ident(name) => name == "impl",
                TokenTree::Punct(mark) => mark.as_char() == '!' && !after_name,
                TokenTree::Group(group) => search(group.stream()),
                TokenTree::Literal(_) => false,
            }
        })
    }
    search(output.to_token_stream())
}
