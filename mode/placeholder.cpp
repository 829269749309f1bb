namespace mode {}
