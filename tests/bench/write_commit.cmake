# Run at build time: the commit that this tree is at, "+changes" when the working copy differs. Rewritten only when it changes.
cmake_policy(VERSION 3.25)
execute_process(COMMAND git -C ${SOURCE} rev-parse --short=12 HEAD OUTPUT_VARIABLE commit RESULT_VARIABLE failed
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(failed)
  set(commit "unknown: not a git checkout")
else()
  execute_process(COMMAND git -C ${SOURCE} diff-index --quiet HEAD RESULT_VARIABLE changed OUTPUT_QUIET ERROR_QUIET)
  if(changed)
    string(APPEND commit "+changes")
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT
"namespace tvdsim::tests {
extern const char* const kBuiltCommit;
const char* const kBuiltCommit = \"@commit@\";
}  // namespace tvdsim::tests
" @ONLY)
