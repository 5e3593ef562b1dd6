//! Nodes as serde reads them. Unlike JSON values, a list is never taken for a section whose keys were left out.

use driftless_core::value::{Number, Value};
use driftless_core::yaml::{Data, Node};
use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::word;

/// A node to be read.
#[derive(Clone, Copy)]
pub(super) struct Tree<'de>(pub(super) &'de Node);

impl<'de> Deserializer<'de> for Tree<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.data {
            Data::Scalar(Value::Bool(truth)) => visitor.visit_bool(*truth),
            Data::Scalar(Value::Number(Number::Int(int))) => match u64::try_from(*int) {
                Ok(int) => visitor.visit_u64(int),
                Err(_) => visitor.visit_i64(*int),
            },
            Data::Scalar(Value::Number(Number::Big(_))) => Err(Error::custom("is too large a number")),
            Data::Scalar(Value::Number(Number::Float(float))) => visitor.visit_f64(*float),
            Data::Scalar(Value::String(text)) => visitor.visit_borrowed_str(text),
            // A scalar is never one of the last three.
            Data::Scalar(Value::Null | Value::List(_) | Value::Map(_) | Value::Secret(_)) => visitor.visit_unit(),
            Data::List(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(Tree))),
            Data::Map(entries) => {
                let entries = entries.iter().map(|entry| (entry.key.as_str(), Tree(&entry.value)));
                visitor.visit_map(MapDeserializer::new(entries))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.data {
            Data::Scalar(Value::Null) => visitor.visit_none(),
            Data::Scalar(_) | Data::List(_) | Data::Map(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.0.data {
            Data::List(_) => Err(Error::invalid_type(Unexpected::Seq, &visitor)),
            Data::Scalar(_) | Data::Map(_) => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.0.data {
            Data::Scalar(Value::String(text)) => visitor.visit_enum(text.as_str().into_deserializer()),
            Data::Scalar(_) | Data::List(_) | Data::Map(_) => {
                Err(Error::custom(format!("should be {}", word::listed(words))))
            }
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Tree<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
