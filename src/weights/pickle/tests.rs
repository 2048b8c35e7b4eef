//! Files built by hand, honest and hostile.

use std::io::Write as _;

use safetensors::Dtype;

use super::{PickleError, format, read};
use crate::weights::Format;

/// Writes instructions; what it makes is what Python's protocol 2 makes.
#[derive(Clone, Default)]
struct Program(Vec<u8>);

impl Program {
    fn new() -> Self {
        Self(vec![0x80, 2])
    }
    fn op(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
    fn text(self, text: &str) -> Self {
        let length = (text.len() as u32).to_le_bytes();
        self.op(b"X").op(&length).op(text.as_bytes())
    }
    fn int(self, number: i32) -> Self {
        self.op(b"J").op(&number.to_le_bytes())
    }
    fn ints(self, numbers: &[i32]) -> Self {
        numbers
            .iter()
            .fold(self.op(b"("), |program, &n| program.int(n))
            .op(b"t")
    }
    fn name(self, module: &str, name: &str) -> Self {
        self.op(format!("c{module}\n{name}\n").as_bytes())
    }
    fn tensor(self, key: &str, count: i32, offset: i32, shape: &[i32], strides: &[i32]) -> Self {
        self.name("torch._utils", "_rebuild_tensor_v2")
            .op(b"((")
            .text("storage")
            .name("torch", "FloatStorage")
            .text(key)
            .text("cpu")
            .int(count)
            .op(b"tQ")
            .int(offset)
            .ints(shape)
            .ints(strides)
            .op(b"\x89")
            .name("collections", "OrderedDict")
            .op(b")RtR")
    }
    fn dict(self) -> Self {
        self.name("collections", "OrderedDict").op(b")R(")
    }
    fn end(self) -> Vec<u8> {
        self.op(b"u.").0
    }
}

fn legacy(state: &[u8], storages: &[(&str, &[f32])]) -> Vec<u8> {
    let mut file = vec![0x80, 2, 0x8a, 10];
    file.extend([0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.']);
    file.extend(Program::new().int(1001).op(b".").0);
    file.extend(Program::new().op(b"}(").text("little_endian").op(b"\x88").end());
    file.extend(state);
    let keys = storages
        .iter()
        .fold(Program::new().op(b"]("), |program, (key, _)| program.text(key));
    file.extend(keys.op(b"e.").0);
    for (_, numbers) in storages {
        file.extend((numbers.len() as u64).to_le_bytes());
        file.extend(numbers.iter().flat_map(|n| n.to_le_bytes()));
    }
    file
}

fn archive(state: &[u8], storages: &[(&str, &[f32])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    let mut put = |name: String, data: &[u8]| {
        zip.start_file(name, options).unwrap();
        zip.write_all(data).unwrap();
    };
    put("archive/data.pkl".into(), state);
    put("archive/byteorder".into(), b"little");
    for (key, numbers) in storages {
        let data: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        put(format!("archive/data/{key}"), &data);
    }
    zip.finish().unwrap().into_inner()
}

fn state() -> Vec<u8> {
    Program::new()
        .dict()
        .text("plain")
        .tensor("7", 6, 0, &[2, 3], &[3, 1])
        .text("turned")
        .tensor("7", 6, 0, &[3, 2], &[1, 3])
        .text("part")
        .tensor("7", 6, 4, &[2], &[1])
        .text("number")
        .tensor("7", 6, 5, &[], &[])
        .text("empty")
        .tensor("7", 6, 0, &[0], &[1])
        .end()
}

const SIX: [f32; 6] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];

fn floats(data: &[u8]) -> Vec<f32> {
    data.chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

#[test]
fn both_formats_give_views_of_one_storage_as_arrays_of_their_own() {
    let stored = zip::CompressionMethod::Stored;
    for (file, kind) in [
        (legacy(&state(), &[("7", &SIX)]), Format::Legacy),
        (archive(&state(), &[("7", &SIX)], stored), Format::Archive),
    ] {
        assert_eq!(format(&file), Some(kind));
        let arrays = read(&file).unwrap();
        assert_eq!(floats(&arrays["plain"].data), SIX);
        assert_eq!(arrays["plain"].dtype, Dtype::F32);
        assert_eq!(arrays["turned"].shape, [3, 2]);
        assert_eq!(floats(&arrays["turned"].data), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(floats(&arrays["part"].data), [4.0, 5.0]);
        assert_eq!(
            (arrays["number"].shape.len(), floats(&arrays["number"].data)),
            (0, vec![5.0])
        );
        assert_eq!(arrays["empty"].data.len(), 0);
    }
}

#[test]
fn the_state_dict_of_a_checkpoint_is_found() {
    let inner = Program::new()
        .dict()
        .text("state_dict")
        .dict()
        .text("w")
        .tensor("7", 6, 0, &[6], &[1])
        .op(b"u")
        .end();
    assert_eq!(read(&legacy(&inner, &[("7", &SIX)])).unwrap()["w"].shape, [6]);
}

#[test]
fn a_name_off_the_list_is_refused_and_told() {
    let hostile = Program::new().name("os", "system").op(b"(").text("true").op(b"tR.").0;
    let error = read(&legacy(&hostile, &[])).unwrap_err();
    assert_eq!(error, PickleError::Name("os.system".into()));
    let hostile = Program::new().text("builtins").text("eval").op(b"\x93.").0;
    assert_eq!(
        read(&legacy(&hostile, &[])).unwrap_err(),
        PickleError::Name("builtins.eval".into())
    );
}

#[test]
fn a_tensor_outside_its_storage_is_refused() {
    let cases: [(i32, &[i32], &[i32]); 5] = [
        (1, &[6], &[1]),
        (0, &[2, 3], &[6, 1]),
        (-1, &[1], &[1]),
        (0, &[1 << 30, 1 << 30], &[0, 0]),
        (0, &[7], &[0]),
    ];
    for (offset, shape, strides) in cases {
        let state = Program::new()
            .dict()
            .text("w")
            .tensor("7", 6, offset, shape, strides)
            .end();
        assert!(
            read(&legacy(&state, &[("7", &SIX)])).is_err(),
            "{offset} {shape:?} {strides:?}"
        );
    }
}

#[test]
fn a_storage_that_claims_more_than_the_file_has_takes_no_memory() {
    let state = Program::new()
        .dict()
        .text("w")
        .tensor("7", i32::MAX, 0, &[i32::MAX], &[1])
        .end();
    let mut file = legacy(&state, &[("7", &SIX)]);
    let at = file.len() - 32;
    file[at..at + 8].copy_from_slice(&(i32::MAX as u64).to_le_bytes());
    assert_eq!(read(&file).unwrap_err(), PickleError::Truncated);
}

#[test]
fn many_tensors_on_one_storage_do_not_outgrow_the_file() {
    let numbers = vec![0.5_f32; 50_000];
    let program = (0..50).fold(Program::new().dict(), |program, at| {
        program.text(&format!("w{at}")).tensor("7", 50_000, 0, &[50_000], &[1])
    });
    let error = read(&legacy(&program.end(), &[("7", &numbers)]))
        .unwrap_err()
        .to_string();
    assert!(error.contains("larger than the file"), "{error}");
}

#[test]
fn a_pickle_that_unfolds_far_beyond_its_size_is_refused() {
    // A byte a value, and four bytes for each copy of a long key.
    let many = Program::new().op(&vec![b')'; 4 << 20]).op(b".").0;
    let key = "k".repeat(500);
    let storage = Program::new()
        .op(b"(")
        .text("storage")
        .name("torch", "FloatStorage")
        .text(&key)
        .text("cpu")
        .int(1)
        .op(b"tq\x01Q");
    let copies = storage.op(&b"h\x01Q".repeat(1 << 19)).op(b".").0;
    for program in [many, copies] {
        let error = read(&legacy(&program, &[])).unwrap_err().to_string();
        assert!(error.contains("unfolds"), "{error}");
    }
}

#[test]
fn a_compressed_archive_is_refused() {
    let file = archive(&state(), &[("7", &SIX)], zip::CompressionMethod::Deflated);
    assert!(read(&file).unwrap_err().to_string().contains("compressed"));
}

#[test]
fn files_cut_off_or_with_a_changed_byte_never_panic() {
    let stored = zip::CompressionMethod::Stored;
    for file in [
        legacy(&state(), &[("7", &SIX)]),
        archive(&state(), &[("7", &SIX)], stored),
    ] {
        for length in 0..file.len() {
            assert!(read(&file[..length]).is_err(), "{length}");
        }
        for at in 0..file.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = file.clone();
                damaged[at] ^= flip;
                let _ = read(&damaged);
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn instructions_at_random_never_panic(body in proptest::collection::vec(0_u8..=255, 0..200)) {
        let _ = read(&legacy(&body, &[]));
    }
}
