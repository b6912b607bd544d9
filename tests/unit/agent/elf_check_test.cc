#include "agent/elf_check.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <random>

#include "agent/elf_facts.h"
#include "agent/program_path.h"

namespace culvert::agent {
namespace {

constexpr const char* kPath = "/usr/local/bin:/usr/bin:/bin";

struct Image {
  std::uint16_t machine = EM_X86_64;
  unsigned char elf_class = ELFCLASS64;
  std::string interpreter;
  bool go = false;
  bool other_note = false;  // in front of Go's, in the same segment
};

ByteVector image_of(const Image& wanted) {
  Elf64_Ehdr header{};
  std::memcpy(&header.e_ident[0], ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = wanted.elf_class;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = wanted.machine;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 2;
  Elf64_Phdr segments[2]{};
  const std::uint64_t behind = sizeof header + sizeof segments;
  if (!wanted.interpreter.empty())
    segments[0] = {PT_INTERP, 0, behind, 0, 0, wanted.interpreter.size() + 1, 0, 0};
  const std::uint64_t other = wanted.other_note ? 24 : 0;
  if (wanted.go) segments[1] = {PT_NOTE, 0, behind + 64, 0, 0, other + 16, 0, 0};
  ByteVector image(behind + 104);
  std::memcpy(image.data(), &header, sizeof header);
  std::memcpy(image.data() + sizeof header, &segments[0], sizeof segments);
  std::memcpy(image.data() + behind, wanted.interpreter.data(), wanted.interpreter.size());
  constexpr Elf64_Nhdr kAbiTag{4, 8, NT_GNU_ABI_TAG}, kGo{4, 0, 4};
  std::memcpy(image.data() + behind + 64, &kAbiTag, sizeof kAbiTag);
  std::memcpy(image.data() + behind + 64 + other, &kGo, sizeof kGo);
  std::memcpy(image.data() + behind + 64 + other + sizeof kGo, "Go\0\0", 4);
  return image;
}

class ElfCheck : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(mkdtemp(directory_.data()), nullptr); }
  void TearDown() override { (void)!std::system(("rm -r " + directory_).c_str()); }
  std::string write(const std::string& name, std::string_view content, mode_t mode = 0755) {
    auto path = directory_ + "/" + name;
    std::ofstream(path) << content;
    chmod(path.c_str(), mode);
    return path;
  }
  std::string directory_ = "/tmp/culvert-elf-XXXXXX";
};

TEST_F(ElfCheck, ReachesOrdinaryProgramsAndScripts) {
  EXPECT_TRUE(check_reach("/bin/sh", kPath).reachable);
  EXPECT_TRUE(check_reach(write("script", "#!/bin/sh -e\necho\n"), kPath).reachable);
  EXPECT_TRUE(check_reach(write("text", "echo no interpreter line\n"), kPath).reachable);
  EXPECT_TRUE(check_reach(write("loop", "#!" + directory_ + "/loop\n"), kPath).reachable);
}

TEST_F(ElfCheck, SaysWhyItCannotReachAProgram) {
#ifndef __x86_64__
  GTEST_SKIP() << "the images are of x86-64";
#endif
  const auto why = [&](const Image& image) {
    const auto path = write("program", as_text(image_of(image)));
    const auto reach = check_reach(write("script", "#!/usr/bin/env -S -i A=1 " + path + " -u\n"),
                                   directory_ + ":" + kPath);
    EXPECT_TRUE(reach.enclosable);
    return reach.reachable ? "reachable " + reach.why : reach.why;
  };
  EXPECT_NE(why({}).find("statically linked, so"), std::string::npos) << why({});
  Image image;
  image.go = true;
  EXPECT_NE(why(image).find("statically linked Go program"), std::string::npos);
  image.interpreter = "/lib64/ld-linux-x86-64.so.2";
  EXPECT_NE(why(image).find("Go program"), std::string::npos);
  image.other_note = true;
  EXPECT_NE(why(image).find("Go program"), std::string::npos);
  image.interpreter = "/lib/ld-musl-x86_64.so.1";
  EXPECT_NE(why(image).find("musl"), std::string::npos);
  image.machine = EM_AARCH64;
  EXPECT_NE(why(image).find("another kind of processor"), std::string::npos);
}

TEST_F(ElfCheck, SeesSetuidProgramsOfAnotherUser) {
  if (geteuid() == 0) {
    const auto path = write("setuid", "#!/bin/sh\n");
    ASSERT_EQ(chown(path.c_str(), 65534, 0), 0);
    ASSERT_EQ(chmod(path.c_str(), 04755), 0);
    const auto reach = check_reach(path, kPath);
    EXPECT_FALSE(reach.reachable);
    EXPECT_FALSE(reach.enclosable) << "it would lose its privileges";
    EXPECT_NE(reach.why.find("setuid"), std::string::npos);
  }
  EXPECT_TRUE(check_reach(write("own", "#!/bin/sh\n", 04755), kPath).reachable);
}

TEST(ElfFacts, ReadsNothingOutsideOfDamagedFiles) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  Image whole;
  whole.interpreter = "/lib64/ld-linux-x86-64.so.2";
  for (int round = 0; round < 20'000; ++round) {
    auto image = image_of(whole);
    for (int i = 0; i < 4; ++i) image[random() % image.size()] = std::byte(random() & 0xff);
    image.resize(random() % image.size());
    image.shrink_to_fit();
    (void)read_elf(image);
  }
}

TEST_F(ElfCheck, FindsProgramsAsTheShellDoes) {
  write("tool", "#!/bin/sh\n");
  write("data", "x", 0644);
  const auto path = directory_ + ":/nonexistent";
  EXPECT_EQ(*find_program("tool", path), directory_ + "/tool");
  EXPECT_EQ(*find_program(directory_ + "/tool", ""), directory_ + "/tool");
  EXPECT_EQ(find_program("data", path).error().code, ErrorCode::kNotPermitted);
  EXPECT_EQ(find_program(directory_, path).error().code, ErrorCode::kNotPermitted);
  EXPECT_EQ(find_program("missing", path).error().code, ErrorCode::kNameUnknown);
  EXPECT_EQ(find_program("", path).error().code, ErrorCode::kNameUnknown);
  EXPECT_EQ(find_program("./missing", path).error().code, ErrorCode::kNameUnknown);
}

}  // namespace
}  // namespace culvert::agent
