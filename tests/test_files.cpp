// Atomic writes, and removal of the temporary files of killed writers.

#include "nn/files.h"

#include <gtest/gtest.h>

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
  EXPECT_EQ(directory.files(), 1) << "without commit() no file is left";
  EXPECT_EQ(read_bytes(path), "old");
  nn::write_file(path, "new");
  EXPECT_EQ(read_bytes(path), "new");
  EXPECT_EQ(directory.files(), 1);
}

TEST(AtomicFile, TemporaryFilesOfKilledWritersAreRemovedAndLiveOnesStay) {
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
  EXPECT_EQ(directory.files(), 4) << "the live temporary file, a folder, a link and a file of another name";
  live.commit();
  EXPECT_EQ(read_bytes(path), "whole");
  EXPECT_EQ(read_bytes(directory / "unfinished-work"), "not ours");
  nn::remove_unfinished(directory / "absent");  // an absent directory is no error
}

}  // namespace
