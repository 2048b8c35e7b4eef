# fish completion of asm-pipe. The program itself says what may stand at the cursor.
complete --command asm-pipe --no-files --keep-order --arguments "(asm-pipe complete -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token --cut-at-cursor) 2>/dev/null)"
