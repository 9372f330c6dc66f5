"""Operations counted exactly, as polynomials in the sizes, and beside them the time that they take."""
