//! The program `asm-pipe`: a thin door to [`asm_pipe::cli`].

fn main() -> std::process::ExitCode {
    asm_pipe::cli::main()
}
