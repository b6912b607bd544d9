// agent/descriptor_limit.h: each held connect and each stream takes descriptors; the usual soft
// limit of 1024 is for programs that use select().
#pragma once
#include <cstddef>

namespace culvert::agent {

std::size_t descriptor_limit();        // that of now (RLIMIT_NOFILE)
std::size_t raise_descriptor_limit();  // soft to hard (RLIMIT_NOFILE); returns what is allowed now

}  // namespace culvert::agent
