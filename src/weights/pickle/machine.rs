//! The stack machine: runs a pickle's instructions on values of our own.
//!
//! Values live in one list and refer to each other by place, so that a small file cannot unfold into a large structure.
//! The allow-list is [`Name::find`].

use std::collections::BTreeMap;

use safetensors::Dtype;

use super::PickleError;

type Place = usize;

/// Longest name or key. What a pickle can refer to again cheaply must be cheap to copy.
const LONGEST_TEXT: usize = 512;
/// Most memory that one pickle's values may take: the names and shapes of a network take a hundredth of it.
const MOST_MEMORY: usize = 128 << 20;
/// What an entry of the memo takes.
const MEMO_ENTRY: usize = 48;
/// Most axes of a tensor; libtorch's own bound.
const MOST_AXES: usize = 64;

/// What an instruction can push.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    None,
    Boolean(bool),
    Integer(i64),
    /// A whole number of more than 64 bits, or a floating-point number: nothing we look at.
    Number,
    Text(String),
    Tuple(Vec<Place>),
    List(Vec<Place>),
    Dict(Vec<(Place, Place)>),
    Name(Name),
    Storage(Storage),
    Tensor(TensorView),
}

/// A name on the allow-list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Name {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Dtype),
}

/// A storage that tensors refer to; its bytes are elsewhere in the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Storage {
    pub(super) key: String,
    pub(super) dtype: Dtype,
    pub(super) count: usize,
}

/// A tensor: a strided view of a storage, counted in elements.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TensorView {
    pub(super) storage: Storage,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// What a pickle evaluates to.
#[derive(Debug)]
pub(super) struct Pickle {
    values: Vec<Value>,
    root: Place,
}

impl Value {
    /// Bytes that it takes besides itself.
    fn heap(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Tuple(items) | Self::List(items) => items.len() * size_of::<Place>(),
            Self::Dict(entries) => entries.len() * size_of::<(Place, Place)>(),
            Self::Storage(storage) => storage.key.len(),
            Self::Tensor(view) => view.storage.key.len() + (view.shape.len() + view.strides.len()) * size_of::<usize>(),
            Self::None | Self::Boolean(_) | Self::Integer(_) | Self::Number | Self::Name(_) => 0,
        }
    }
}

impl Name {
    fn find(module: &str, name: &str) -> Result<Self, PickleError> {
        Ok(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            ("torch", "DoubleStorage") => Self::Storage(Dtype::F64),
            ("torch", "FloatStorage") => Self::Storage(Dtype::F32),
            ("torch", "HalfStorage") => Self::Storage(Dtype::F16),
            ("torch", "BFloat16Storage") => Self::Storage(Dtype::BF16),
            ("torch", "LongStorage") => Self::Storage(Dtype::I64),
            ("torch", "IntStorage") => Self::Storage(Dtype::I32),
            ("torch", "ShortStorage") => Self::Storage(Dtype::I16),
            ("torch", "CharStorage") => Self::Storage(Dtype::I8),
            ("torch", "ByteStorage") => Self::Storage(Dtype::U8),
            ("torch", "BoolStorage") => Self::Storage(Dtype::BOOL),
            _ => return Err(PickleError::Name(format!("{module}.{name}").chars().take(80).collect())),
        })
    }
}

impl Pickle {
    pub(super) fn root(&self) -> &Value {
        &self.values[self.root]
    }

    /// The value under a key of the outermost dict.
    pub(super) fn entry(&self, key: &str) -> Option<&Value> {
        let Value::Dict(entries) = self.root() else {
            return None;
        };
        let text = |place: &Place| matches!(&self.values[*place], Value::Text(text) if text == key);
        entries
            .iter()
            .rev()
            .find(|(name, _)| text(name))
            .map(|(_, value)| &self.values[*value])
    }

    /// The outermost list, of texts.
    pub(super) fn texts(&self) -> Result<Vec<String>, PickleError> {
        let Value::List(items) = self.root() else {
            return Err(PickleError::malformed("the list of storages is missing"));
        };
        items
            .iter()
            .map(|&place| text(&self.values, place).map(str::to_owned))
            .collect()
    }

    /// Names and values of the state dict: the outermost dict, or the one under `state_dict` or `model` in it.
    pub(super) fn entries(&self) -> Result<Vec<(String, &Value)>, PickleError> {
        let inner = ["state_dict", "model"].iter().find_map(|key| self.entry(key));
        let Value::Dict(entries) = inner.filter(|v| matches!(v, Value::Dict(_))).unwrap_or(self.root()) else {
            return Err(PickleError::malformed("it does not hold a state dict"));
        };
        let named = |&(name, value): &(Place, Place)| match &self.values[name] {
            Value::Text(name) if name.len() <= LONGEST_TEXT => Some((name.clone(), &self.values[value])),
            _ => None,
        };
        Ok(entries.iter().filter_map(named).collect())
    }

    /// All storages named anywhere, by key.
    pub(super) fn storages<'a>(&'a self) -> BTreeMap<&'a str, &'a Storage> {
        let storage = |value: &'a Value| match value {
            Value::Storage(storage) => Some((storage.key.as_str(), storage)),
            _ => None,
        };
        self.values.iter().filter_map(storage).collect()
    }
}

/// Runs one pickle from the front of `bytes` and leaves what follows it.
pub(super) fn run(bytes: &mut &[u8]) -> Result<Pickle, PickleError> {
    let mut machine = Machine::default();
    loop {
        let [instruction] = take(bytes)?;
        if instruction == b'.' {
            let root = machine.pop()?;
            return Ok(Pickle {
                values: machine.values,
                root,
            });
        }
        machine.step(instruction, bytes)?;
    }
}

#[derive(Default)]
struct Machine {
    values: Vec<Value>,
    stack: Vec<Place>,
    marks: Vec<usize>,
    memo: BTreeMap<u32, Place>,
    /// Bytes that all this takes.
    memory: usize,
}

impl Machine {
    fn step(&mut self, instruction: u8, bytes: &mut &[u8]) -> Result<(), PickleError> {
        match instruction {
            0x80 => drop(take::<1>(bytes)?),
            0x95 => drop(take::<8>(bytes)?),
            b'(' => {
                self.charge(size_of::<usize>())?;
                self.marks.push(self.stack.len());
            }
            b'0' => drop(self.pop()?),
            b'N' => self.push(Value::None)?,
            0x88 => self.push(Value::Boolean(true))?,
            0x89 => self.push(Value::Boolean(false))?,
            b'J' => self.push(Value::Integer(i32::from_le_bytes(take(bytes)?).into()))?,
            b'K' => self.push(Value::Integer(take::<1>(bytes)?[0].into()))?,
            b'M' => self.push(Value::Integer(u16::from_le_bytes(take(bytes)?).into()))?,
            0x8a => {
                let [length] = take(bytes)?;
                let value = long(slice(bytes, length.into())?);
                self.push(value)?;
            }
            b'G' => {
                take::<8>(bytes)?;
                self.push(Value::Number)?;
            }
            b'X' | b'T' => {
                let length = u32::from_le_bytes(take(bytes)?);
                self.push_text(slice(bytes, length as usize)?)?;
            }
            0x8c | b'U' => {
                let [length] = take(bytes)?;
                self.push_text(slice(bytes, length.into())?)?;
            }
            b')' => self.push(Value::Tuple(Vec::new()))?,
            b't' => {
                let items = self.since_mark()?;
                self.push(Value::Tuple(items))?;
            }
            0x85..=0x87 => {
                let from = self.stack.len().checked_sub(usize::from(instruction - 0x84));
                let items = self.stack.split_off(from.ok_or_else(underflow)?);
                self.push(Value::Tuple(items))?;
            }
            b']' => self.push(Value::List(Vec::new()))?,
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.since_mark()?;
                self.append(items)?;
            }
            b'}' => self.push(Value::Dict(Vec::new()))?,
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.since_mark()?;
                self.set(&items)?;
            }
            b'q' => self.remember(take::<1>(bytes)?[0].into())?,
            b'r' => self.remember(u32::from_le_bytes(take(bytes)?))?,
            0x94 => self.remember(self.memo.len() as u32)?,
            b'h' => self.recall(take::<1>(bytes)?[0].into())?,
            b'j' => self.recall(u32::from_le_bytes(take(bytes)?))?,
            b'c' => {
                let (module, name) = (line(bytes)?, line(bytes)?);
                self.push(Value::Name(Name::find(module, name)?))?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let name = Name::find(text(&self.values, module)?, text(&self.values, name)?)?;
                self.push(Value::Name(name))?;
            }
            b'Q' => self.storage()?,
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            other => return Err(PickleError::Instruction(other)),
        }
        Ok(())
    }

    /// Counts memory before it is taken.
    fn charge(&mut self, bytes: usize) -> Result<(), PickleError> {
        self.memory = self.memory.saturating_add(bytes);
        if self.memory > MOST_MEMORY {
            let most = MOST_MEMORY >> 20;
            return Err(PickleError::malformed(format!(
                "its pickle unfolds to more than {most} MiB besides the numbers"
            )));
        }
        Ok(())
    }

    fn push(&mut self, value: Value) -> Result<(), PickleError> {
        self.charge(size_of::<Value>() + size_of::<Place>() + value.heap())?;
        self.stack.push(self.values.len());
        self.values.push(value);
        Ok(())
    }

    fn push_text(&mut self, bytes: &[u8]) -> Result<(), PickleError> {
        let text = std::str::from_utf8(bytes).map_err(|_| PickleError::malformed("a text is not UTF-8"))?;
        self.push(Value::Text(text.to_owned()))
    }

    fn pop(&mut self) -> Result<Place, PickleError> {
        self.stack.pop().ok_or_else(underflow)
    }

    fn top(&self) -> Result<Place, PickleError> {
        self.stack.last().copied().ok_or_else(underflow)
    }

    fn since_mark(&mut self) -> Result<Vec<Place>, PickleError> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or_else(underflow)?))
    }

    fn remember(&mut self, slot: u32) -> Result<(), PickleError> {
        let place = self.top()?;
        self.charge(MEMO_ENTRY)?;
        self.memo.insert(slot, place);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<(), PickleError> {
        let place = self.memo.get(&slot).copied();
        self.charge(size_of::<Place>())?;
        self.stack
            .push(place.ok_or_else(|| PickleError::malformed("the pickle recalls what it never stored"))?);
        Ok(())
    }

    fn append(&mut self, items: Vec<Place>) -> Result<(), PickleError> {
        let list = self.top()?;
        match &mut self.values[list] {
            Value::List(list) => list.extend(items),
            _ => return Err(PickleError::malformed("the pickle appends to what is not a list")),
        }
        Ok(())
    }

    fn set(&mut self, items: &[Place]) -> Result<(), PickleError> {
        let dict = self.top()?;
        match &mut self.values[dict] {
            Value::Dict(dict) => dict.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1]))),
            _ => return Err(PickleError::malformed("the pickle sets a key of what is not a dict")),
        }
        Ok(())
    }

    /// A reference to bytes elsewhere in the file: `("storage", type, key, device, count)` and in old files a view, or none.
    fn storage(&mut self) -> Result<(), PickleError> {
        let place = self.pop()?;
        let Value::Tuple(parts) = &self.values[place] else {
            return Err(PickleError::malformed("a reference to a storage is not a tuple"));
        };
        let (&[tag, kind, key, _, count], view) = parts
            .split_first_chunk::<5>()
            .ok_or_else(|| PickleError::malformed("a reference to a storage is too short"))?;
        let Value::Name(Name::Storage(dtype)) = self.values[kind] else {
            return Err(PickleError::malformed("a reference to a storage has no element type"));
        };
        if text(&self.values, tag)? != "storage" || view.iter().any(|&part| self.values[part] != Value::None) {
            return Err(PickleError::malformed("a reference to a storage is of an unknown kind"));
        }
        let storage = Storage {
            key: text(&self.values, key)?.to_owned(),
            dtype,
            count: natural(&self.values, count)?,
        };
        self.push(Value::Storage(storage))
    }

    /// "Calls" a name with a tuple of arguments: makes the value that the name stands for.
    fn reduce(&mut self) -> Result<(), PickleError> {
        let (arguments, name) = (self.pop()?, self.pop()?);
        let (Value::Tuple(arguments), Value::Name(name)) = (&self.values[arguments], &self.values[name]) else {
            return Err(PickleError::malformed("the pickle calls what is not a name"));
        };
        match (name, arguments.as_slice()) {
            (Name::OrderedDict, []) => self.push(Value::Dict(Vec::new()))?,
            (Name::RebuildTensor, &[storage, offset, shape, strides, ..]) => {
                let Value::Storage(storage) = &self.values[storage] else {
                    return Err(PickleError::malformed("a tensor has no storage"));
                };
                let view = TensorView {
                    storage: storage.clone(),
                    offset: natural(&self.values, offset)?,
                    shape: naturals(&self.values, shape)?,
                    strides: naturals(&self.values, strides)?,
                };
                self.push(Value::Tensor(view))?;
            }
            (Name::RebuildParameter, &[tensor, ..]) if matches!(self.values[tensor], Value::Tensor(_)) => {
                self.stack.push(tensor);
            }
            _ => {
                return Err(PickleError::malformed(
                    "the pickle calls a name with arguments that do not fit",
                ));
            }
        }
        Ok(())
    }

    /// Attributes of an object: state dicts carry `_metadata`, which weights do not need.
    fn build(&mut self) -> Result<(), PickleError> {
        self.pop()?;
        let target = self.top()?;
        match self.values[target] {
            Value::Dict(_) => Ok(()),
            _ => Err(PickleError::malformed("the pickle sets attributes of what has none")),
        }
    }
}

fn underflow() -> PickleError {
    PickleError::malformed("the pickle takes more from its stack than it put there")
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], PickleError> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or(PickleError::Truncated)?;
    *bytes = rest;
    Ok(*head)
}

fn slice<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], PickleError> {
    let (head, rest) = bytes.split_at_checked(length).ok_or(PickleError::Truncated)?;
    *bytes = rest;
    Ok(head)
}

fn line<'a>(bytes: &mut &'a [u8]) -> Result<&'a str, PickleError> {
    let end = bytes
        .iter()
        .position(|&byte| byte == b'\n')
        .ok_or(PickleError::Truncated)?;
    let head = slice(bytes, end)?;
    take::<1>(bytes)?;
    std::str::from_utf8(head).map_err(|_| PickleError::malformed("a name is not UTF-8"))
}

/// A little-endian two's complement number of any length.
fn long(bytes: &[u8]) -> Value {
    if bytes.len() > 8 {
        return Value::Number;
    }
    let fill = if bytes.last().is_some_and(|&byte| byte >= 0x80) {
        0xff
    } else {
        0
    };
    let mut whole = [fill; 8];
    whole[..bytes.len()].copy_from_slice(bytes);
    Value::Integer(i64::from_le_bytes(whole))
}

fn text(values: &[Value], place: Place) -> Result<&str, PickleError> {
    match &values[place] {
        Value::Text(text) if text.len() <= LONGEST_TEXT => Ok(text),
        _ => Err(PickleError::malformed(
            "the pickle has something else where a text belongs",
        )),
    }
}

fn natural(values: &[Value], place: Place) -> Result<usize, PickleError> {
    match values[place] {
        Value::Integer(number) => usize::try_from(number).ok(),
        _ => None,
    }
    .ok_or_else(|| PickleError::malformed("the pickle has something else where a size belongs"))
}

fn naturals(values: &[Value], place: Place) -> Result<Vec<usize>, PickleError> {
    match &values[place] {
        Value::Tuple(items) if items.len() <= MOST_AXES => items.iter().map(|&item| natural(values, item)).collect(),
        _ => Err(PickleError::malformed(
            "the pickle has something else where a shape belongs",
        )),
    }
}
