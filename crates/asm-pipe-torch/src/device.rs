//! Where tensors live: the `device` param.

use asm_pipe::stage::StageError;
use tch::{Cuda, Device};

/// The device that `auto`, `cpu` or `cuda:N` names on this machine.
///
/// # Errors
/// When the text is none of these, or this libtorch has no such GPU.
pub fn find(text: &str) -> Result<Device, StageError> {
    let available = || {
        if Cuda::is_available() {
            Cuda::device_count().max(0) as usize
        } else {
            0
        }
    };
    match text {
        "cpu" => Ok(Device::Cpu),
        "auto" if available() > 0 => Ok(Device::Cuda(0)),
        "auto" => Ok(Device::Cpu),
        _ => {
            let number = match text.strip_prefix("cuda") {
                Some("") => Some(0),
                Some(rest) => rest.strip_prefix(':').and_then(|number| number.parse::<usize>().ok()),
                None => None,
            };
            let number = number.ok_or_else(|| {
                StageError::new(format!("`{text}` is not a device")).hint("write `auto`, `cpu` or `cuda:0`")
            })?;
            let count = available();
            if number < count {
                return Ok(Device::Cuda(number));
            }
            Err(
                StageError::new(format!("device `{text}` is not there: libtorch sees {count} GPUs"))
                    .hint("the libtorch of `make` is the CPU build; build with `LIBTORCH` set to a CUDA one"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::find;
    use tch::Device;

    #[test]
    fn a_device_that_is_not_there_or_not_one_is_refused() {
        assert_eq!(find("cpu").unwrap(), Device::Cpu);
        for text in ["cuda:99", "cuda:x", "gpu", "", "cuda0"] {
            assert!(find(text).unwrap_err().to_string().contains(text), "{text}");
        }
    }
}
