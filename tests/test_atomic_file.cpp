// Files that appear whole or not at all, and what killed writers leave.

#include "nn/atomic_file.h"

#include <gtest/gtest.h>

#include "nn/safetensors.h"
#include "tests/errors.h"
#include "tests/temporary.h"

namespace {

TEST(AtomicFile, TheOldTargetStaysUntilTheNewOneIsWhole) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("target", std::string("old"));
  {
    nn::AtomicFile file(path);
    file.write("ne", 2);
    EXPECT_EQ(read_bytes(path), "old");
    EXPECT_EQ(directory.files(), 2);
  }
  EXPECT_EQ(directory.files(), 1) << "without commit() nothing stays";
  EXPECT_EQ(read_bytes(path), "old");
  nn::write_file(path, "new");
  EXPECT_EQ(read_bytes(path), "new");
  EXPECT_EQ(directory.files(), 1);
}

TEST(AtomicFile, WhatKilledWritersLeftIsRemovedAndLiveWritersStay) {
  const TemporaryDirectory directory;
  const std::string path = directory / "target";
  directory.write(".unfinished-1-0", std::string("half of a fi"));
  directory.write(".unfinished-" + std::to_string(::getpid()) + "-77", std::string());
  directory.write("unfinished-work", std::string("not ours"));
  std::filesystem::create_directory(directory / ".unfinished-folder");
  std::filesystem::create_symlink(directory / "unfinished-work", directory / ".unfinished-link");
  nn::AtomicFile live(path);
  live.write("whole", 5);
  nn::remove_unfinished(directory.path());
  EXPECT_EQ(directory.files(), 4) << "the live file, and what is no writer's: a folder, a link, another name";
  live.commit();
  EXPECT_EQ(read_bytes(path), "whole");
  EXPECT_EQ(read_bytes(directory / "unfinished-work"), "not ours");
  nn::remove_unfinished(directory / "absent");  // nothing to remove is no fault
}

}  // namespace
