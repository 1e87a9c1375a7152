//! Cuts a SQL filter into tokens.

use super::error::SqlError;

/// A token and the position of its first character, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A keyword or a plain name, as it was written.
    Word(String),
    /// A name in brackets or double quotes: never a keyword.
    Quoted(String),
    Text(String),
    Integer(i64),
    Decimal(f64),
    /// An operator or a punctuation mark.
    Symbol(&'static str),
    End,
}

/// Longer ones first: `<=` must not be read as `<`.
const SYMBOLS: [&str; 16] =
    ["<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ",", ".", "+", "-", "*", "/", "%"];

/// Cuts the text; the last token is always [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, SqlError> {
    let mut lexer = Lexer { rest: text, at: 1 };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.token()?;
        let last = token.kind == Kind::End;
        tokens.push(token);
        if last {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    rest: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn token(&mut self) -> Result<Token, SqlError> {
        self.take_while(char::is_whitespace);
        let at = self.at;
        let kind = match self.rest.chars().next() {
            None => Kind::End,
            Some('\'') => Kind::Text(self.delimited('\'', at)?),
            Some('"') => Kind::Quoted(self.delimited('"', at)?),
            Some('[') => Kind::Quoted(self.delimited(']', at)?),
            Some(first) if first.is_ascii_digit() || (first == '.' && self.digit_follows()) => {
                self.number(at)?
            }
            Some(first) if starts_name(first) => Kind::Word(self.take_while(continues_name).to_owned()),
            Some(first) => self.symbol(first, at)?,
        };
        Ok(Token { kind, at })
    }

    /// What stands up to the closing mark; a doubled closing mark stands for itself.
    fn delimited(&mut self, close: char, at: usize) -> Result<String, SqlError> {
        self.skip(1);
        let mut content = String::new();
        loop {
            content.push_str(self.take_while(|character| character != close));
            if self.rest.is_empty() {
                return Err(SqlError::Unclosed { close, at });
            }
            self.skip(1);
            if !self.rest.starts_with(close) {
                return Ok(content);
            }
            content.push(close);
            self.skip(1);
        }
    }

    fn number(&mut self, at: usize) -> Result<Kind, SqlError> {
        let digits = self.rest;
        let start = self.at;
        self.take_while(|character| character.is_ascii_digit());
        let whole = self.at;
        if self.rest.starts_with('.') {
            self.skip(1);
            self.take_while(|character| character.is_ascii_digit());
        }
        self.exponent();
        // Everything taken is ASCII, so that characters and bytes are the same.
        let literal = &digits[..self.at - start];
        let kind = if self.at == whole {
            literal.parse().map(Kind::Integer).ok()
        } else {
            literal.parse().ok().filter(|number: &f64| number.is_finite()).map(Kind::Decimal)
        };
        if self.rest.starts_with(continues_name) {
            return Err(SqlError::Number { at });
        }
        kind.ok_or(SqlError::Number { at })
    }

    fn exponent(&mut self) {
        let after = self.rest.strip_prefix(['e', 'E']);
        let digits = after.map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
        if let Some(digits) = digits.filter(|digits| digits.starts_with(|first: char| first.is_ascii_digit()))
        {
            self.skip(self.rest.len() - digits.len());
            self.take_while(|character| character.is_ascii_digit());
        }
    }

    fn symbol(&mut self, first: char, at: usize) -> Result<Kind, SqlError> {
        match SYMBOLS.into_iter().find(|symbol| self.rest.starts_with(symbol)) {
            Some(symbol) => {
                self.skip(symbol.len());
                Ok(Kind::Symbol(symbol))
            }
            None if first == '@' => Err(SqlError::Unsupported { what: "a parameter (@)".to_owned(), at }),
            None => Err(SqlError::Character { character: first, at }),
        }
    }

    fn digit_follows(&self) -> bool {
        self.rest[1..].starts_with(|next: char| next.is_ascii_digit())
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|character| !wanted(character)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.at += taken.chars().count();
        taken
    }

    /// Passes over ASCII characters.
    fn skip(&mut self, characters: usize) {
        self.rest = &self.rest[characters..];
        self.at += characters;
    }
}

fn starts_name(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '_' | '#' | '$')
}

fn continues_name(character: char) -> bool {
    starts_name(character) || character.is_numeric()
}
