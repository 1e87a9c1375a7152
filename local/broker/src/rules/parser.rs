//! Reads a SQL filter, by the grammar that Service Bus documents under "Subscription Rule SQL Filter Syntax".
//!
//! From the weakest to the strongest: OR, AND, NOT, the comparisons, `+ -`, `* / %`, signs. What the grammar has
//! and we don't (functions, parameters) is refused by name rather than misread.

use super::{
    error::SqlError,
    expression::{Comparison, Expression, Literal, Operator},
    lexer::{Kind, Token, tokens},
    like::Pattern,
    property::{Property, SystemProperty},
};

/// The longest expression, in characters: Service Bus's own limit for filter conditions.
pub(super) const MAX_CHARACTERS: usize = 1024;

/// The deepest nesting of parentheses, NOT and signs. Far more than a person writes, far less than a stack holds.
pub(super) const MAX_DEPTH: usize = 32;

/// Words that can't be property names unless they are quoted.
const RESERVED: [&str; 11] =
    ["AND", "OR", "NOT", "IS", "NULL", "IN", "LIKE", "ESCAPE", "EXISTS", "TRUE", "FALSE"];

type Parsed = Result<Expression, SqlError>;

/// Parses a whole expression.
pub(super) fn parse(text: &str) -> Parsed {
    if text.chars().nth(MAX_CHARACTERS).is_some() {
        return Err(SqlError::TooLong);
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0 };
    let expression = parser.any()?;
    match parser.peek().kind {
        Kind::End => Ok(expression),
        _ => Err(parser.expected("AND, OR or the end")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn any(&mut self) -> Parsed {
        let mut conditions = vec![self.all()?];
        while self.accept_word("OR") {
            conditions.push(self.all()?);
        }
        Ok(one_or(conditions, Expression::Any))
    }

    fn all(&mut self) -> Parsed {
        let mut conditions = vec![self.not()?];
        while self.accept_word("AND") {
            conditions.push(self.not()?);
        }
        Ok(one_or(conditions, Expression::All))
    }

    fn not(&mut self) -> Parsed {
        if self.accept_word("NOT") {
            let condition = self.nested(Self::not)?;
            return Ok(negated(condition));
        }
        self.predicate()
    }

    fn predicate(&mut self) -> Parsed {
        let operand = self.sum()?;
        if let Some(comparison) = self.comparison() {
            return Ok(Expression::Compare(Box::new(operand), comparison, Box::new(self.sum()?)));
        }
        if self.accept_word("IS") {
            return self.is_null(operand);
        }
        let negative = self.accept_word("NOT");
        let condition = if self.accept_word("IN") {
            self.list(operand)?
        } else if self.accept_word("LIKE") {
            self.like(operand)?
        } else if negative {
            return Err(self.expected("IN or LIKE"));
        } else {
            return Ok(operand);
        };
        Ok(if negative { negated(condition) } else { condition })
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let Kind::Symbol(symbol) = self.peek().kind else { return None };
        let comparison = match symbol {
            "=" => Comparison::Equal,
            "<>" | "!=" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            _ => return None,
        };
        self.next += 1;
        Some(comparison)
    }

    fn is_null(&mut self, operand: Expression) -> Parsed {
        let negative = self.accept_word("NOT");
        if !self.accept_word("NULL") {
            return Err(self.expected("NULL"));
        }
        let condition = Expression::IsNull(Box::new(operand));
        Ok(if negative { negated(condition) } else { condition })
    }

    fn list(&mut self, operand: Expression) -> Parsed {
        self.require("(", "( after IN")?;
        let mut list = vec![self.sum()?];
        while self.accept(",") {
            list.push(self.sum()?);
        }
        self.require(")", ", or )")?;
        Ok(Expression::In(Box::new(operand), list))
    }

    fn like(&mut self, operand: Expression) -> Parsed {
        let at = self.peek().at;
        let pattern = self.text("a pattern in single quotes")?;
        let escape = if self.accept_word("ESCAPE") { Some(self.escape()?) } else { None };
        let pattern = Pattern::new(&pattern, escape).ok_or(SqlError::Pattern { at })?;
        Ok(Expression::Like(Box::new(operand), pattern))
    }

    fn escape(&mut self) -> Result<char, SqlError> {
        const WANTED: &str = "one character in single quotes";
        let error = self.expected(WANTED);
        let text = self.text(WANTED)?;
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(escape), None) => Ok(escape),
            _ => Err(error),
        }
    }

    fn sum(&mut self) -> Parsed {
        self.chain(Self::product, |symbol| match symbol {
            "+" => Some(Operator::Plus),
            "-" => Some(Operator::Minus),
            _ => None,
        })
    }

    fn product(&mut self) -> Parsed {
        self.chain(Self::signed, |symbol| match symbol {
            "*" => Some(Operator::Times),
            "/" => Some(Operator::Divide),
            "%" => Some(Operator::Remainder),
            _ => None,
        })
    }

    /// Operands joined by operators of one rank, from left to right.
    fn chain(&mut self, operand: fn(&mut Self) -> Parsed, operator: fn(&str) -> Option<Operator>) -> Parsed {
        let mut left = operand(self)?;
        while let Kind::Symbol(symbol) = self.peek().kind {
            let Some(operator) = operator(symbol) else { break };
            self.next += 1;
            left = Expression::Arithmetic(Box::new(left), operator, Box::new(operand(self)?));
        }
        Ok(left)
    }

    fn signed(&mut self) -> Parsed {
        if self.accept("-") {
            let operand = self.nested(Self::signed)?;
            return Ok(Expression::Negative(Box::new(operand)));
        }
        if self.accept("+") {
            return self.nested(Self::signed);
        }
        self.primary()
    }

    fn primary(&mut self) -> Parsed {
        if self.accept("(") {
            let inner = self.nested(Self::any)?;
            self.require(")", "an operator or )")?;
            return Ok(inner);
        }
        if self.accept_word("EXISTS") {
            return self.exists();
        }
        match self.literal() {
            Some(literal) => Ok(Expression::Literal(literal)),
            None => self.property().map(Expression::Property),
        }
    }

    fn literal(&mut self) -> Option<Literal> {
        let literal = match &self.peek().kind {
            Kind::Text(text) => Literal::Text(text.clone()),
            Kind::Integer(number) => Literal::Integer(*number),
            Kind::Decimal(number) => Literal::Decimal(*number),
            Kind::Word(word) if word.eq_ignore_ascii_case("TRUE") => Literal::Boolean(true),
            Kind::Word(word) if word.eq_ignore_ascii_case("FALSE") => Literal::Boolean(false),
            Kind::Word(word) if word.eq_ignore_ascii_case("NULL") => Literal::Null,
            _ => return None,
        };
        self.next += 1;
        Some(literal)
    }

    fn exists(&mut self) -> Parsed {
        self.require("(", "( after EXISTS")?;
        let property = self.property()?;
        self.require(")", ")")?;
        Ok(Expression::Exists(property))
    }

    /// `name`, `user.name` or `sys.name`.
    fn property(&mut self) -> Result<Property, SqlError> {
        let at = self.peek().at;
        let first = self.name("a value, a property or (")?;
        if self.accept(".") {
            let name_at = self.peek().at;
            let name = self.name("a property's name")?;
            return scoped(&first, name, at, name_at);
        }
        if self.peek().kind == Kind::Symbol("(") {
            return Err(SqlError::Unsupported { what: format!("the function {first}()"), at });
        }
        Ok(Property::User(first))
    }

    fn name(&mut self, wanted: &'static str) -> Result<String, SqlError> {
        let name = match &self.peek().kind {
            Kind::Quoted(name) => name.clone(),
            Kind::Word(word) if !RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word)) => {
                word.clone()
            }
            _ => return Err(self.expected(wanted)),
        };
        self.next += 1;
        Ok(name)
    }

    fn text(&mut self, wanted: &'static str) -> Result<String, SqlError> {
        let Kind::Text(text) = &self.peek().kind else { return Err(self.expected(wanted)) };
        let text = text.clone();
        self.next += 1;
        Ok(text)
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Parsed) -> Parsed {
        if self.depth == MAX_DEPTH {
            return Err(SqlError::TooDeep { at: self.peek().at });
        }
        self.depth += 1;
        let parsed = inner(self);
        self.depth -= 1;
        parsed
    }

    fn accept(&mut self, symbol: &'static str) -> bool {
        let found = self.peek().kind == Kind::Symbol(symbol);
        self.next += usize::from(found);
        found
    }

    fn accept_word(&mut self, wanted: &str) -> bool {
        let found = matches!(&self.peek().kind, Kind::Word(word) if word.eq_ignore_ascii_case(wanted));
        self.next += usize::from(found);
        found
    }

    fn require(&mut self, symbol: &'static str, wanted: &'static str) -> Result<(), SqlError> {
        if self.accept(symbol) { Ok(()) } else { Err(self.expected(wanted)) }
    }

    fn expected(&self, wanted: &'static str) -> SqlError {
        SqlError::Expected { wanted, at: self.peek().at }
    }

    /// The token that comes next; past the end, the end itself, which is never consumed.
    fn peek(&self) -> &Token {
        &self.tokens[self.next]
    }
}

fn scoped(scope: &str, name: String, at: usize, name_at: usize) -> Result<Property, SqlError> {
    if scope.eq_ignore_ascii_case("user") {
        return Ok(Property::User(name));
    }
    if !scope.eq_ignore_ascii_case("sys") {
        return Err(SqlError::Expected { wanted: "sys or user as a property's scope", at });
    }
    SystemProperty::named(&name).map(Property::System).ok_or(SqlError::SystemProperty { name, at: name_at })
}

fn negated(condition: Expression) -> Expression {
    Expression::Not(Box::new(condition))
}

fn one_or(mut conditions: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match conditions.pop() {
        Some(only) if conditions.is_empty() => only,
        last => many(conditions.into_iter().chain(last).collect()),
    }
}
