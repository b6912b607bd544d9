// agent/token_input.h: reads an enrolment token from a file, a pipe, or a person at a terminal
// (unseen). Never from arguments, which every user of the machine can read.
#pragma once
#include <string>

#include "tunnel/base/result.h"

namespace culvert::agent {

// `file` empty: standard input.
Result<std::string> read_token(const std::string& file);

}  // namespace culvert::agent
