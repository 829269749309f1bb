# Writes HEADER with the derivations in the comments above the ops of SOURCES, for `mode gradcheck --explain OP`:
#
#     // derivation of relu
#     //   y = max(x, 0)
#     //   dx = dy [y > 0]
#     Variable relu(const Variable& x) {
#
# becomes {"relu", R"(y = max(x, 0)\ndx = dy [y > 0])"}. Run at build time: cmake -DSOURCES=... -DHEADER=... -P derivations.cmake
cmake_minimum_required(VERSION 3.18)
set(entries "")
foreach(source ${SOURCES})
  file(READ "${source}" rest)
  string(FIND "${rest}" "\n// derivation of " at)
  while(NOT at EQUAL -1)
    math(EXPR begin "${at} + 18")
    string(SUBSTRING "${rest}" ${begin} -1 rest)
    if(NOT rest MATCHES "^([a-z0-9_]+)\n((//   [^\n]+\n)+)")
      message(FATAL_ERROR "${source}: '// derivation of' is followed by the op's name and by lines that begin with '//   '")
    endif()
    set(op "${CMAKE_MATCH_1}")
    string(REGEX REPLACE "(^|\n)//   " "\\1" text "${CMAKE_MATCH_2}")
    string(APPEND entries "    {\"${op}\", R\"derivation(${text})derivation\"},\n")
    string(FIND "${rest}" "\n// derivation of " at)
  endwhile()
endforeach()
file(CONFIGURE OUTPUT "${HEADER}" CONTENT "#pragma once\n// Generated from the comments above the ops.\nconstexpr const char* derivations[][2] = {\n@entries@};\n" @ONLY NEWLINE_STYLE UNIX)
