# Compiler settings that every target shares, in one interface target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_VISIBILITY_PRESET default)

find_program(TVDSIM_CCACHE ccache)
if(TVDSIM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Without this ccache stands aside wherever a precompiled header is used.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros;${TVDSIM_CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER "${TVDSIM_CCACHE}")
endif()

add_library(tvdsim_options INTERFACE)
target_compile_features(tvdsim_options INTERFACE cxx_std_20)
# -ffp-contract=off: the same arithmetic from every compiler and at every optimisation level. Who uses an installed library
# chooses its own flags.
target_compile_options(tvdsim_options INTERFACE
  "$<BUILD_INTERFACE:-ffp-contract=off;-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wno-sign-conversion>")
target_include_directories(tvdsim_options INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                           $<INSTALL_INTERFACE:include/tvdsim>)
target_compile_definitions(tvdsim_options INTERFACE "$<BUILD_INTERFACE:TVDSIM_VERSION=\"${PROJECT_VERSION}\">")
# No path of this machine in what is built: the same bytes in every checkout, and one ccache for all of them.
# (-ffile-prefix-map would rename the files of clang's line coverage, too.)
target_compile_options(tvdsim_options INTERFACE
  "$<BUILD_INTERFACE:-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=;-fdebug-prefix-map=${PROJECT_SOURCE_DIR}/=>")
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Of a file that is included by another g++ thinks that it is a header.
  target_compile_options(tvdsim_options INTERFACE $<BUILD_INTERFACE:$<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>>)
endif()
if(TVDSIM_SANITIZE)
  # A test's own lines are watched for what they do to memory and between threads; UBSan is for what is tested.
  string(REPLACE ",undefined" "" of_tests "${TVDSIM_SANITIZE}")
  set(is_test $<BOOL:$<TARGET_PROPERTY:TVDSIM_IS_TEST>>)
  target_compile_options(tvdsim_options INTERFACE
    "$<${is_test}:-fsanitize=${of_tests}>" "$<$<NOT:${is_test}>:-fsanitize=${TVDSIM_SANITIZE}>"
    -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(tvdsim_options INTERFACE -fsanitize=${TVDSIM_SANITIZE} $<$<BOOL:${TVDSIM_FUZZ}>:-fprofile-instr-generate>)
endif()

# One library per folder: tvdsim_library(NAME sim_base SOURCES … USES tvdsim::… PRIVATE third::party …)
# USES is what its headers may include (public); PRIVATE stays in its .cpp files. Builds join the files of a folder
# (CMAKE_UNITY_BUILD); those named after APART, which hold helpers of the same names
# as others or want their own macros, are compiled one by one.
function(tvdsim_library)
  cmake_parse_arguments(arg "" "NAME" "SOURCES;USES;PRIVATE;APART" ${ARGN})
  if(arg_SOURCES)
    add_library(tvdsim_${arg_NAME} STATIC ${arg_SOURCES})
    target_link_libraries(tvdsim_${arg_NAME} PUBLIC tvdsim_options ${arg_USES} PRIVATE ${arg_PRIVATE})
  else()
    add_library(tvdsim_${arg_NAME} INTERFACE)
    target_link_libraries(tvdsim_${arg_NAME} INTERFACE tvdsim_options ${arg_USES})
  endif()
  add_library(tvdsim::${arg_NAME} ALIAS tvdsim_${arg_NAME})
  set_target_properties(tvdsim_${arg_NAME} PROPERTIES EXPORT_NAME ${arg_NAME})
  if(arg_APART)
    set_source_files_properties(${arg_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
  set_property(GLOBAL APPEND PROPERTY TVDSIM_LIBRARIES ${arg_NAME})  # what cmake/install.cmake installs
endfunction()
