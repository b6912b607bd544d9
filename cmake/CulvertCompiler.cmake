# Compiler settings shared by every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g")  # asserts stay on: a broken invariant must not run
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

add_library(culvert_options INTERFACE)
target_compile_options(culvert_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Werror)
# g++ 12 takes "text" + std::string for an overlap at -O3 (GCC bug 105651), in Release builds.
target_compile_options(culvert_options INTERFACE
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Release>>:-Wno-restrict>)
target_include_directories(culvert_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(culvert_options INTERFACE _GNU_SOURCE)

if(CULVERT_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(CULVERT_SANITIZE_THREADS)
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
endif()
if(CULVERT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(CULVERT_CCACHE ccache)
if(CULVERT_CCACHE)
  # Without these it does not remember what a precompiled header went into.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CULVERT_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CULVERT_CCACHE})
endif()
find_program(CULVERT_MOLD mold)
if(CULVERT_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
