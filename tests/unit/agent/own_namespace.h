// tests/unit/agent/own_namespace.h: puts this process into a network namespace of its own, with lo
// up and nothing else, so that no test meets ports or programs of the machine.
#pragma once
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace culvert::agent::testing {

// Empty if this process is in its namespace (once made, kept); else why that is impossible.
const std::string& enter_own_namespace();

// Switches effective capabilities of the calling thread off, and on again when it goes.
class WithoutCapability {
 public:
  explicit WithoutCapability(int capability);
  ~WithoutCapability();
  WithoutCapability(const WithoutCapability&) = delete;
  WithoutCapability& operator=(const WithoutCapability&) = delete;

 private:
  std::uint32_t before_;
};

class NeedsOwnNamespace : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!enter_own_namespace().empty()) GTEST_SKIP() << enter_own_namespace();
  }
};

}  // namespace culvert::agent::testing
