// agent/given_text.h: an option of a command line that need not be there.
#pragma once
#include <cxxopts.hpp>
#include <string>

namespace culvert::agent {

// Empty if it is not given. An empty default of cxxopts would stand in the help: (default: "").
inline std::string given_text(const cxxopts::ParseResult& given, const std::string& option) {
  return given.count(option) == 0 ? std::string() : given[option].as<std::string>();
}

}  // namespace culvert::agent
